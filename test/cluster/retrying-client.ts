import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ErrorResponse, WireClient, type WireFile, type WirePart, type WireSession } from '../faults/wire-client.ts';
import { sha1Hex, splitIntoParts } from '../support/bytes.ts';

const PARALLEL = 4;
const PAUSE_MS = 50;
/** A call has failed if it gets only errors for this long. */
const RETRY_LIMIT_MS = 120_000;
/** What a load balancer or a node may return during an outage behind it. Anything else is an error. */
const TEMPORARY = new Set([502, 503, 504]);

/** Errors during the uploads, for tests to check. */
export interface ClientErrors {
  /** Responses with 502, 503 and 504. */
  refused: ErrorResponse[];
  /** Broken connections. */
  broken: number;
}

/** Uploads files despite outages, as a good client does: sends again what was not acknowledged. */
export class RetryingClient {
  readonly errors: ClientErrors = { refused: [], broken: 0 };
  /** Acknowledged parts of all uploads. */
  acknowledged = 0;
  readonly #client: WireClient;

  constructor(server: { url: string; token: string }) {
    this.#client = new WireClient(server);
  }

  /**
   * Uploads a file, four parts at a time. Throws if an acknowledged part is missing or different, or if the file does
   * not have these bytes.
   */
  async upload(name: string, bytes: Buffer): Promise<WireFile> {
    const session = await this.#retry(() => this.#client.create(name, bytes.length));
    const acknowledged = new Map<number, WirePart>();
    await this.#sendParts(session, bytes, acknowledged);
    const stored = await this.#retry(() => this.#client.list(session.id));
    for (const part of acknowledged.values()) {
      const found = stored.find(({ offset }) => offset === part.offset);
      assert.deepEqual(found, part, `${name}: an acknowledged part is lost`);
    }
    assert.equal(stored.length, session.total_parts);
    const file = await this.#retry(() => this.#client.commit(session.id, stored, bytes));
    assert.equal(file.sha1, sha1Hex(bytes));
    return file;
  }

  /** The SHA-1 of a downloaded file. */
  sha1Of(file: string): Promise<string> {
    return this.#retry(() => this.#client.downloadSha1(file));
  }

  names(): Promise<string[]> {
    return this.#retry(() => this.#client.names());
  }

  async #sendParts(session: WireSession, file: Buffer, acknowledged: Map<number, WirePart>): Promise<void> {
    const pieces = splitIntoParts(file, session.part_size);
    const lane = async () => {
      for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
        const { offset, bytes } = piece;
        const part = await this.#retry(() => this.#client.put(session.id, offset, bytes, file.length));
        assert.equal(part.sha1, sha1Hex(bytes));
        acknowledged.set(offset, part);
        this.acknowledged += 1;
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, lane));
  }

  async #retry<T>(make: () => Promise<T>): Promise<T> {
    const limit = performance.now() + RETRY_LIMIT_MS;
    for (;;) {
      try {
        return await make();
      } catch (error) {
        if (error instanceof ErrorResponse && TEMPORARY.has(error.status)) this.errors.refused.push(error);
        // What `fetch` throws if there is no response, or only part of one.
        else if (error instanceof TypeError) this.errors.broken += 1;
        else throw error;
        if (performance.now() > limit) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }
}
