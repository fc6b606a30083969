import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Refused, WireClient, type WireFile, type WirePart, type WireSession } from '../faults/wire-client.ts';
import { partsOf, sha1Hex } from '../support/bytes.ts';

const AT_ONCE = 4;
const PAUSE_MS = 50;
/** A call that was answered with nothing but failures for so long is lost. */
const PATIENCE_MS = 120_000;
/** What a balancer or a node may say while something behind it is away. Anything else is a finding. */
const PASSING = new Set([502, 503, 504]);

/** What has gone wrong on the way, for tests to look at. */
export interface Trouble {
  /** Answers of 502, 503 and 504. */
  refused: Refused[];
  /** Connections that broke. */
  broken: number;
}

/** Uploads files through whatever goes wrong, as a good client does: sends again what was not acknowledged. */
export class PatientClient {
  readonly trouble: Trouble = { refused: [], broken: 0 };
  /** Parts that were acknowledged, over all uploads. */
  acknowledged = 0;
  readonly #client: WireClient;

  constructor(server: { url: string; token: string }) {
    this.#client = new WireClient(server);
  }

  /**
   * Uploads a file, four parts at a time. Throws where a part that was acknowledged is not there any more, or is
   * another one, and where the file is not that of these bytes.
   */
  async upload(name: string, bytes: Buffer): Promise<WireFile> {
    const session = await this.#insist(() => this.#client.create(name, bytes.length));
    const acknowledged = new Map<number, WirePart>();
    await this.#sendParts(session, bytes, acknowledged);
    const stored = await this.#insist(() => this.#client.list(session.id));
    for (const part of acknowledged.values()) {
      const found = stored.find(({ offset }) => offset === part.offset);
      assert.deepEqual(found, part, `${name}: a part that was acknowledged is lost`);
    }
    assert.equal(stored.length, session.total_parts);
    const file = await this.#insist(() => this.#client.commit(session.id, stored, bytes));
    assert.equal(file.sha1, sha1Hex(bytes));
    return file;
  }

  /** The SHA-1 of a file's bytes as they come out. */
  sha1Of(file: string): Promise<string> {
    return this.#insist(() => this.#client.sha1Of(file));
  }

  names(): Promise<string[]> {
    return this.#insist(() => this.#client.names());
  }

  async #sendParts(session: WireSession, whole: Buffer, acknowledged: Map<number, WirePart>): Promise<void> {
    const pieces = partsOf(whole, session.part_size);
    const lane = async () => {
      for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
        const { offset, bytes } = piece;
        const part = await this.#insist(() => this.#client.put(session.id, offset, bytes, whole.length));
        assert.equal(part.sha1, sha1Hex(bytes));
        acknowledged.set(offset, part);
        this.acknowledged += 1;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  }

  async #insist<T>(make: () => Promise<T>): Promise<T> {
    const limit = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await make();
      } catch (error) {
        if (error instanceof Refused && PASSING.has(error.status)) this.trouble.refused.push(error);
        // What `fetch` throws where there is no answer, or half of one.
        else if (error instanceof TypeError) this.trouble.broken += 1;
        else throw error;
        if (performance.now() > limit) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }
}
