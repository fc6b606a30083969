import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SqliteReaders } from '../../packages/server/src/database/sqlite/readers.ts';

test('a reader thread that cannot be started fails its statement, and takes no place from later ones', async () => {
  // A path that cannot be sent to a thread makes its constructor throw, as a limit on threads does.
  const path = (() => {}) as unknown as string;
  const readers = new SqliteReaders(path, 1, () => assert.fail('no thread has ended'));
  const statement = { sql: 'select 1', parameters: [] };
  const reads = [1, 2, 3].map(() => assert.rejects(readers.read(statement), { name: 'DataCloneError' }));
  await Promise.all(reads);
  await readers.close();
});
