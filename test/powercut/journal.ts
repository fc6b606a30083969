/** What a client asked for, and what it was told: the promises that a power cut must not break. */
export type Request =
  | { what: 'session'; session: string; name: string; size: number }
  | { what: 'part'; session: string; index: number; sha1: string }
  | { what: 'commit'; session: string; sha1: string; file?: string }
  | { what: 'abort'; session: string }
  | { what: 'file'; file: string; sha1: string }
  | { what: 'folder'; folder: string; name: string }
  | { what: 'trash'; file: string }
  | { what: 'delete'; file: string };

export type Noted = Request & {
  /** By the wall clock, in milliseconds: the server had not heard of it before. */
  sentAt: number;
  /** The client had the answer by then; undefined if none came. */
  ackedAt?: number;
};

/** What the clients of a recording did, in the order in which they sent it. */
export class Journal {
  readonly notes: Noted[] = [];

  /** Notes a request that is about to be sent. Call the result once a 2xx answer has come, with what it said. */
  send(request: Request): (answer?: { file: string }) => void {
    const note: Noted = { ...request, sentAt: Date.now() };
    this.notes.push(note);
    return (answer) => {
      Object.assign(note, answer);
      // The clock shows whole milliseconds: the answer came before the next one.
      note.ackedAt = Date.now() + 1;
    };
  }

  /** Notes what an answer said of the past: it is a promise too. */
  read(request: Request): void {
    const now = Date.now();
    this.notes.push({ ...request, sentAt: now, ackedAt: now + 1 });
  }
}

/** What clients may rely on, and what may have happened besides, at one moment of a recording. */
export class Promises {
  readonly #acked: Noted[];
  readonly #sent: Noted[];

  /** @param now When the next system call began: whatever was answered before had its effect by then. */
  constructor(notes: readonly Noted[], now: number) {
    this.#acked = notes.filter(({ ackedAt }) => ackedAt !== undefined && ackedAt < now);
    this.#sent = notes.filter(({ sentAt }) => sentAt <= now + 1);
  }

  acked<What extends Request['what']>(what: What): (Noted & { what: What })[] {
    return this.#acked.filter((note): note is Noted & { what: What } => note.what === what);
  }

  /** Whether a request of this kind for this session or file was sent, answered or not. */
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
