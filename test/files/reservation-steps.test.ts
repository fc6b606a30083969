import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reserveSpace } from '../../packages/server/src/files/reserve-space.ts';
import { newBlobId } from '../../packages/server/src/storage/blob-store.ts';
import { errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

interface Sizes {
  quota?: number | undefined;
  announced?: { min: number; max: number } | undefined;
}

/** A body that arrives in chunks of these sizes: what is reserved after each of them. */
async function reservedAfter(fixture: FilesFixture, { quota, announced }: Sizes, sizes: readonly number[]) {
  const blob = newBlobId();
  const context = { ...fixture.files, userQuota: quota };
  const reservation = await reserveSpace(context, { blob, owner: fixture.owner.id, announced });
  const reserved = [reservation.bytes];
  // Only the length of a chunk matters here.
  async function* body() {
    for (const length of sizes) yield { length } as Uint8Array;
  }
  for await (const _chunk of reservation.limitToQuota(body())) reserved.push(reservation.bytes);
  const row = await readRow(fixture, blob);
  assert.equal(row?.reserved, reserved.at(-1));
  return reserved;
}

function readRow({ files }: FilesFixture, blob: string) {
  return files.db
    .selectFrom('unreferenced_blobs')
    .selectAll()
    .where('blob_id', '=', blob as never)
    .executeTakeFirst();
}

test('a body of unknown size reserves 1 MiB, then twice as much each time, up to 64 MiB', async () => {
  await using fixture = await openFilesFixture();
  const steps = [1, 2, 4, 8, 16, 32, 64, 64, 64];
  // Each chunk is a byte more than the reservation so far.
  const sizes = [1, ...steps.slice(0, -1).map((step) => step * MIB)];
  const expected = steps.map((_, index) => steps.slice(0, index + 1).reduce((sum, step) => sum + step * MIB, 0));
  assert.deepEqual(await reservedAfter(fixture, { quota: 64 * GIB }, sizes), [0, ...expected]);
});

test('a step takes at most a sixteenth of the quota that is free, but always what has arrived', async () => {
  await using fixture = await openFilesFixture();
  await fixture.files.db
    .updateTable('users')
    .set({ space_used: 100, space_reserved: 300 })
    .where('id', '=', fixture.owner.id)
    .execute();
  const sizes = [1, 100, 500];
  assert.deepEqual(await reservedAfter(fixture, { quota: 2_000 }, sizes), [0, 100, 193, 601]);
});

test('nothing more is reserved while a body is within its reservation', async () => {
  await using fixture = await openFilesFixture();
  const announced = { min: 10, max: 10 };
  assert.deepEqual(await reservedAfter(fixture, { quota: 1_000, announced }, [4, 6]), [10, 10, 10]);
  assert.deepEqual(await reservedAfter(fixture, { quota: 10 + 10, announced }, [10]), [10, 10]);
});

test('a body that is larger than announced needs quota for the rest', async () => {
  await using fixture = await openFilesFixture();
  const announced = { min: 10, max: 10 };
  assert.deepEqual(await reservedAfter(fixture, { quota: 11, announced }, [11]), [10, 11]);
  await assert.rejects(reservedAfter(fixture, { quota: 22, announced }, [12]), errorWithCode('quota-exceeded'));
});

test('the maximum is reserved if it fits, otherwise the minimum', async () => {
  await using fixture = await openFilesFixture();
  const announced = { min: 90, max: 100 };
  assert.deepEqual(await reservedAfter(fixture, { quota: 100, announced }, []), [100]);
  await fixture.files.db.updateTable('users').set({ space_reserved: 0 }).execute();
  assert.deepEqual(await reservedAfter(fixture, { quota: 99, announced }, []), [90]);
  await fixture.files.db.updateTable('users').set({ space_reserved: 0 }).execute();
  await assert.rejects(reservedAfter(fixture, { quota: 89, announced }, []), errorWithCode('quota-exceeded'));
});

test('a user without a quota reserves nothing', async () => {
  await using fixture = await openFilesFixture();
  assert.deepEqual(await reservedAfter(fixture, {}, [MIB, 1]), [0, 0, 0]);
  assert.deepEqual(await reservedAfter(fixture, { announced: { min: 5, max: 6 } }, [5]), [0, 0]);
});

test('a slow body is recorded as being written once a minute, without reserving more', async () => {
  await using fixture = await openFilesFixture();
  const { clock, owner } = fixture;
  const blob = newBlobId();
  const context = { ...fixture.files, userQuota: 1_000 };
  const reservation = await reserveSpace(context, { blob, owner: owner.id, announced: { min: 9, max: 9 } });
  const start = clock.lifetimesFrom();
  const touched: (number | undefined)[] = [];
  async function* body() {
    for (const wait of [0, 60_000, 1, 1, 59_999, 1]) {
      clock.advance(wait);
      yield { length: 1 } as Uint8Array;
    }
  }
  for await (const _chunk of reservation.limitToQuota(body())) {
    const row = await readRow(fixture, blob);
    touched.push(row && row.touched_at - start);
    assert.equal(row?.reserved, 9);
  }
  assert.deepEqual(touched, [0, 0, 60_001, 60_001, 60_001, 120_002]);
});

test('a body whose blob was discarded meanwhile is cut off', async () => {
  await using fixture = await openFilesFixture();
  const blob = newBlobId();
  const reservation = await reserveSpace(fixture.files, { blob, owner: fixture.owner.id, announced: undefined });
  await fixture.files.db.deleteFrom('unreferenced_blobs').execute();
  async function* body() {
    fixture.clock.advance(60_001);
    yield { length: 1 } as Uint8Array;
  }
  await assert.rejects(async () => {
    for await (const _chunk of reservation.limitToQuota(body()));
  }, errorWithCode('unavailable'));
});
