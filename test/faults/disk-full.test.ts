import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { seededBytes, sha1Hex, splitIntoParts } from '../support/bytes.ts';
import { startServer } from '../support/server.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { onlySqlite } from '../support/test-database.ts';
import { untilItFails } from '../support/until-it-fails.ts';
import { mountSmallDisk } from './small-disk.ts';
import { ErrorResponse, WireClient, type WirePart } from './wire-client.ts';

const MIB = 2 ** 20;
const PART = 262_144;
const ENV = { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '0' };

describe('a server with a full disk', { timeout: 120_000 }, () => {
  it('responds 507 to parts, keeps its data, and accepts the rest in the same session when there is space', {
    skip: bytesNotOnDisk ?? false,
  }, async (t) => {
    await using disk = await mountSmallDisk('24m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const dataFolder = join(disk.folder, 'data');
    await using server = await startServer({ dataFolder, env: ENV });
    const client = new WireClient(server);
    const bytes = seededBytes(12 * MIB + 1, 'disk full');
    const { id } = await client.create('large.bin', bytes.length);
    const ballast = join(disk.folder, 'ballast');
    await writeFile(ballast, Buffer.alloc(15 * MIB));

    const acknowledged: WirePart[] = [];
    const refused = [];
    for (const part of splitIntoParts(bytes, PART)) {
      try {
        acknowledged.push(await client.put(id, part.offset, part.bytes, bytes.length));
      } catch (error) {
        assertFull(error);
        refused.push(part);
      }
    }
    assert.ok(acknowledged.length > 0);
    assert.ok(refused.length > 0);
    assert.deepEqual(await client.list(id), acknowledged);
    await assert.rejects(client.commit(id, acknowledged, bytes), { status: 400 });

    await rm(ballast);
    for (const part of refused) await client.put(id, part.offset, part.bytes, bytes.length);
    const file = await client.commit(id, await client.list(id), bytes);
    assert.equal(file.sha1, sha1Hex(bytes));
    assert.equal(await client.downloadSha1(file.id), file.sha1);
  });

  it('responds 507 to everything that needs space, and normally to everything else, until there is space', {
    skip: onlySqlite,
  }, async (t) => {
    await using disk = await mountSmallDisk('24m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const dataFolder = join(disk.folder, 'data');
    await using server = await startServer({ dataFolder, env: ENV });
    const client = new WireClient(server);
    const bytes = seededBytes(2 * PART, 'committed on a full disk');
    const { id } = await client.create('whole.bin', bytes.length);
    for (const part of splitIntoParts(bytes, PART)) await client.put(id, part.offset, part.bytes, bytes.length);

    const ballast = join(disk.folder, 'ballast');
    await writeFile(ballast, Buffer.alloc(64 * MIB)).catch(() => {});
    const failure = await untilItFails(5000, async (n) => void (await client.create(`another-${n}.bin`, PART)));
    assertFull(failure);
    const committing = await client.commit(id, await client.list(id), bytes).catch((error: unknown) => error);
    if (committing instanceof Error) assertFull(committing);
    assert.equal((await client.list(id)).length, 2);

    await rm(ballast);
    const file = await client.commit(id, await client.list(id), bytes);
    assert.equal(await client.downloadSha1(file.id), sha1Hex(bytes));
    await client.create('one more.bin', PART);
  });
});

function assertFull(error: unknown): void {
  assert.ok(error instanceof ErrorResponse, String(error));
  assert.equal(error.status, 507, error.message);
  assert.equal(error.code, 'insufficient_storage');
}
