/** A client's request and the response: the promises that a power cut must not break. */
export type Request =
  | { what: 'session'; session: string; name: string; size: number }
  | { what: 'part'; session: string; index: number; sha1: string }
  | { what: 'commit'; session: string; sha1: string; file?: string }
  | { what: 'abort'; session: string }
  | { what: 'file'; file: string; sha1: string }
  | { what: 'folder'; folder: string; name: string }
  | { what: 'trash'; file: string }
  | { what: 'delete'; file: string };

export type RecordedRequest = Request & {
  /** By the wall clock, in milliseconds: the server had not received it before. */
  sentAt: number;
  /** The client had received the response by then; undefined if none was received. */
  ackedAt?: number;
};

/** The requests of a recording's clients, in the order in which they were sent. */
export class Journal {
  readonly notes: RecordedRequest[] = [];

  /** Records a request that is about to be sent. Call the result after a 2xx response, with its content. */
  send(request: Request): (answer?: { file: string }) => void {
    const note: RecordedRequest = { ...request, sentAt: Date.now() };
    this.notes.push(note);
    return (answer) => {
      Object.assign(note, answer);
      // The clock has whole milliseconds: the response was received before the next one.
      note.ackedAt = Date.now() + 1;
    };
  }

  /** Records what a response says about the past, which is a promise too. */
  read(request: Request): void {
    const now = Date.now();
    this.notes.push({ ...request, sentAt: now, ackedAt: now + 1 });
  }
}

/** What clients can rely on, and what else may have happened, at one moment of a recording. */
export class Promises {
  readonly #acked: RecordedRequest[];
  readonly #sent: RecordedRequest[];

  /** @param now When the next system call started: earlier responses had taken effect by then. */
  constructor(notes: readonly RecordedRequest[], now: number) {
    this.#acked = notes.filter(({ ackedAt }) => ackedAt !== undefined && ackedAt < now);
    this.#sent = notes.filter(({ sentAt }) => sentAt <= now + 1);
  }

  acked<What extends Request['what']>(what: What): (RecordedRequest & { what: What })[] {
    return this.#acked.filter((note): note is RecordedRequest & { what: What } => note.what === what);
  }

  /** Whether a request of this kind for this session or file was sent, with or without a response. */
  mayHave(what: Request['what'], of: { session?: string; file?: string }): boolean {
    return this.#sent.some(
      (note) =>
        note.what === what &&
        ((of.session !== undefined && 'session' in note && note.session === of.session) ||
          (of.file !== undefined && 'file' in note && note.file === of.file)),
    );
  }

  get count(): number {
    return this.#acked.length;
  }
}
