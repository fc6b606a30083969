import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { SessionId } from '../../packages/protocol/src/ids.ts';
import { partId } from '../../packages/server/src/uploads/part-layout.ts';

test('the 10,000 parts of a session have 10,000 IDs of 8 uppercase hex digits, always the same', () => {
  const session = randomBytes(16).toString('hex').toUpperCase() as SessionId;
  const ids = Array.from({ length: 10_000 }, (_, index) => partId(session, index));
  assert.equal(new Set(ids).size, 10_000);
  for (const id of ids) assert.match(id, /^[0-9A-F]{8}$/);
  assert.deepEqual(
    ids,
    Array.from({ length: 10_000 }, (_, index) => partId(session, index)),
  );
});

test('the ID of a part never changes, so that a client can resume with the IDs of an earlier version', () => {
  const session = '89ABCDEF0123456789ABCDEF01234567' as SessionId;
  assert.deepEqual(
    [0, 1, 9_999].map((index) => partId(session, index)),
    ['89ABCDEF', '27E347A0', '4275E64E'],
  );
});
