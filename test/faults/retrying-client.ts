import assert from 'node:assert/strict';
import { sha1Hex, splitIntoParts } from '../support/bytes.ts';
import type { RestartingServer } from './restarting-server.ts';
import type { WireFile, WirePart, WireSession } from './wire-client.ts';

const PARALLEL = 4;

/**
 * Uploads a file to a server that is killed at times, as a good client does: after each error it lists the stored
 * parts and sends the others, four at a time. Throws if an acknowledged part is missing.
 */
export async function uploadWithRetries(server: RestartingServer, name: string, bytes: Buffer): Promise<WireFile> {
  const session = await server.call('create', (client) => client.create(name, bytes.length));
  const acknowledged = new Map<number, WirePart>();
  for (;;) {
    const stored = await server.call('list', (client) => client.list(session.id));
    assertKept(acknowledged, stored, bytes);
    const missing = splitIntoParts(bytes, session.part_size).filter(
      ({ offset }) => !stored.some((p) => p.offset === offset),
    );
    if (missing.length === 0) {
      return await server.call('commit', (client) => client.commit(session.id, stored, bytes));
    }
    await sendParts(server, session, missing, bytes.length, acknowledged);
  }
}

function assertKept(acknowledged: Map<number, WirePart>, stored: readonly WirePart[], bytes: Buffer): void {
  for (const part of acknowledged.values()) {
    const found = stored.find(({ offset }) => offset === part.offset);
    assert.deepEqual(found, part, 'an acknowledged part is lost');
  }
  for (const { offset, size, sha1 } of stored) assert.equal(sha1, sha1Hex(bytes.subarray(offset, offset + size)));
}

/** Sends parts until all are sent or the server is gone. */
async function sendParts(
  server: RestartingServer,
  session: WireSession,
  missing: readonly { offset: number; bytes: Buffer }[],
  total: number,
  acknowledged: Map<number, WirePart>,
): Promise<void> {
  const queue = [...missing];
  let gone = false;
  async function send(): Promise<void> {
    for (let next = queue.shift(); next !== undefined && !gone; next = queue.shift()) {
      const { offset, bytes } = next;
      const part = await server.try('put', (client) => client.put(session.id, offset, bytes, total));
      if (part === undefined) gone = true;
      else acknowledged.set(offset, part);
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, send));
}
