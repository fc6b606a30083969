import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { upload } from '../http/forms.ts';
import { Api } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { startServer } from '../support/server.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { mountSmallDisk } from './small-disk.ts';

const MIB = 2 ** 20;
const PART = 262_144;
const ENV = { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '0' };

it('a session is rejected if the disk has no free space for it, or has reserved it for others', {
  skip: bytesNotOnDisk ?? false,
  timeout: 120_000,
}, async (t) => {
  await using disk = await mountSmallDisk('48m');
  if (disk.reason !== undefined) return t.skip(disk.reason);
  await using server = await startServer({ dataFolder: join(disk.folder, 'data'), env: ENV });
  const api = new Api(server);
  const create = (name: string, size: number) =>
    api.post('/files/upload_sessions', { folder_id: '0', file_name: name, file_size: size });
  const full = async (name: string, size: number) => {
    const answer = await create(name, size);
    assert.deepEqual([answer.status, answer.json.code], [507, 'insufficient_storage'], answer.text);
  };

  await full('far too large', 300 * MIB);
  const first = await create('fits', 28 * MIB);
  assert.equal(first.status, 201, first.text);
  await full('fits alone', 28 * MIB);
  // The stored part is no longer reserved, and no longer free.
  const bytes = seededBytes(PART, 'part');
  assert.equal((await api.putPart(first.json.id, { offset: 0, bytes, total: 28 * MIB })).status, 200);
  await full('fits alone', 28 * MIB);
  // Direct uploads use no reserved space.
  await assert.rejects(upload(api, 'direct', Buffer.alloc(22 * MIB)), /507.*insufficient_storage/);
  await server.restart();
  await full('fits alone', 28 * MIB);

  assert.equal((await api.delete(`/files/upload_sessions/${first.json.id}`)).status, 204);
  const second = await create('fits alone', 28 * MIB);
  assert.equal(second.status, 201, second.text);
  await api.delete(`/files/upload_sessions/${second.json.id}`);
  await upload(api, 'direct', Buffer.alloc(22 * MIB));
});

it('of sessions created in parallel, only as many succeed as the disk has space for', {
  skip: bytesNotOnDisk ?? false,
  timeout: 120_000,
}, async (t) => {
  await using disk = await mountSmallDisk('48m');
  if (disk.reason !== undefined) return t.skip(disk.reason);
  await using server = await startServer({ dataFolder: join(disk.folder, 'data'), env: ENV });
  const api = new Api(server);
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      api.post('/files/upload_sessions', { folder_id: '0', file_name: `${n}`, file_size: 14 * MIB }),
    ),
  );
  const statuses = answers.map(({ status }) => status).toSorted();
  assert.deepEqual(statuses, [201, 201, 201, 507, 507, 507, 507, 507]);
});
