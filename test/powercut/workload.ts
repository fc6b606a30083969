import type { SeededRandom } from '../faults/seeded-random.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { seededBytes, sha1Hex, splitIntoParts } from '../support/bytes.ts';
import type { Journal } from './journal.ts';

export const PART_SIZE = 65_536;

/** An upload that a client has started but not ended. */
interface Upload {
  session: string;
  name: string;
  bytes: Buffer;
}

/** Clients that upload, commit, abort and delete, and record every response, over several lives of one server. */
export class Workload {
  readonly journal: Journal;
  readonly #random: SeededRandom;
  readonly #seed: number;
  readonly #open: Upload[] = [];
  #names = 0;

  constructor(journal: Journal, random: SeededRandom, seed: number) {
    this.journal = journal;
    this.#random = random;
    this.#seed = seed;
  }

  /** The bytes of an upload by its name, to complete it elsewhere. */
  getBytes(name: string, size: number): Buffer {
    return seededBytes(size, `${this.#seed} ${name}`);
  }

  /**
   * Asks a restarted server for everything that it has, then makes `rounds` of requests with three clients in
   * parallel. Ends early when the server dies.
   */
  async run(server: { url: string; token: string }, rounds: number): Promise<void> {
    const api = new Api(server);
    try {
      await this.#readEverything(api);
      await Promise.all([0, 1, 2].map(() => this.#client(api, rounds)));
    } catch (error) {
      if (!isDisconnect(error)) throw error;
    }
  }

  async #client(api: Api, rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const act = this.#random.below(10);
      if (act < 6) await this.#upload(api);
      else if (act < 8) await this.#uploadDirectly(api);
      else await this.#createFolder(api);
    }
  }

  async #upload(api: Api): Promise<void> {
    const name = this.#newName('parts');
    const size = PART_SIZE * this.#random.below(4) + 1 + this.#random.below(PART_SIZE);
    const { id: session } = await api.createSession(name, size);
    this.journal.read({ what: 'session', session, name, size });
    const upload = { session, name, bytes: this.getBytes(name, size) };
    this.#open.push(upload);
    await this.#sendParts(api, upload);
    const end = this.#random.below(10);
    if (end < 6) await this.#commit(api, upload);
    else if (end < 7) await this.#abort(api, upload);
  }

  async #sendParts(api: Api, { session, bytes }: Upload): Promise<void> {
    const parts = splitIntoParts(bytes, PART_SIZE).map((part, index) => ({ ...part, index }));
    await Promise.all(
      parts.map(async ({ offset, bytes: part, index }) => {
        const acknowledge = this.journal.send({ what: 'part', session, index, sha1: sha1Hex(part) });
        expect(await api.putPart(session, { offset, bytes: part, total: bytes.length }), 200);
        acknowledge();
      }),
    );
  }

  async #commit(api: Api, upload: Upload): Promise<void> {
    const { session, bytes } = upload;
    const listed = expect(await api.get(`/files/upload_sessions/${session}/parts`), 200);
    const acknowledge = this.journal.send({ what: 'commit', session, sha1: sha1Hex(bytes) });
    const made = expect(await api.commit(session, listed.json.entries, bytes), 201);
    acknowledge({ file: made.json.entries[0].id });
    this.#ended(upload);
    if (this.#random.below(4) === 0) await this.#deleteFile(api, made.json.entries[0].id);
  }

  async #abort(api: Api, upload: Upload): Promise<void> {
    const acknowledge = this.journal.send({ what: 'abort', session: upload.session });
    expect(await api.delete(`/files/upload_sessions/${upload.session}`), 204);
    acknowledge();
    this.#ended(upload);
  }

  async #uploadDirectly(api: Api): Promise<void> {
    const name = this.#newName('whole');
    const bytes = this.getBytes(name, 1 + this.#random.below(100_000));
    const form = new FormData();
    form.append('attributes', JSON.stringify({ name, parent: { id: '0' } }));
    form.append('file', new Blob([new Uint8Array(bytes)]), name);
    const body = new Request('http://localhost/', { method: 'POST', body: form });
    const headers = { 'content-type': body.headers.get('content-type') ?? '' };
    const sent = { headers, body: Buffer.from(await body.arrayBuffer()) };
    const made = expect(await api.call('POST', '/files/content', sent), 201);
    const file: string = made.json.entries[0].id;
    this.journal.read({ what: 'file', file, sha1: sha1Hex(bytes) });
    if (this.#random.below(4) === 0) await this.#deleteFile(api, file);
  }

  async #deleteFile(api: Api, file: string): Promise<void> {
    const trashed = this.journal.send({ what: 'trash', file });
    expect(await api.delete(`/files/${file}`), 204);
    trashed();
    if (this.#random.below(2) === 0) return;
    const deleted = this.journal.send({ what: 'delete', file });
    expect(await api.delete(`/files/${file}/trash`), 204);
    deleted();
  }

  async #createFolder(api: Api): Promise<void> {
    const name = this.#newName('folder');
    const made = expect(await api.post('/folders', { name, parent: { id: '0' } }), 201);
    this.journal.read({ what: 'folder', folder: made.json.id, name });
  }

  /** Lists of parts and of a folder's items are promises as well: they are rows that a client has seen. */
  async #readEverything(api: Api): Promise<void> {
    for (const upload of [...this.#open]) {
      const { session } = upload;
      const listed = await api.get(`/files/upload_sessions/${session}/parts`);
      if (listed.status === 404) continue;
      for (const { offset, sha1 } of expect(listed, 200).json.entries) {
        this.journal.read({ what: 'part', session, index: offset / PART_SIZE, sha1 });
      }
    }
    const items = expect(await api.get('/folders/0/items?limit=1000&fields=sha1,name'), 200);
    for (const { type, id, sha1, name } of items.json.entries) {
      if (type === 'file') this.journal.read({ what: 'file', file: id, sha1 });
      else this.journal.read({ what: 'folder', folder: id, name });
    }
    for (const upload of [...this.#open]) {
      if (this.#random.below(2) === 0) continue;
      const state = await api.get(`/files/upload_sessions/${upload.session}`);
      if (state.status !== 200) {
        this.#ended(upload);
        continue;
      }
      await this.#sendParts(api, upload);
      await this.#commit(api, upload);
    }
  }

  #ended(upload: Upload): void {
    this.#open.splice(this.#open.indexOf(upload), 1);
  }

  #newName(kind: string): string {
    return `${kind} ${++this.#names}`;
  }
}

function expect(answer: ApiResponse, status: number): ApiResponse {
  if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}: ${answer.text}`);
  return answer;
}

function isDisconnect(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'ECONNRESET' || code === 'ECONNREFUSED' || code === 'EPIPE';
}
