import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { deleteAtExit } from '../support/leftovers.ts';
import { startServer } from '../support/server.ts';
import { bytesNotOnDisk } from '../support/storage.ts';

/** Packages that only servers with other storage or another database use. */
const DRIVERS = /\/node_modules\/(pg|pg-[^/]+|@aws-sdk|@smithy)\//;

test('a server with SQLite and a disk loads neither the driver of PostgreSQL nor the AWS SDK', {
  skip: bytesNotOnDisk ?? (process.env.PARTWAY_TEST_DATABASE ? 'the server uses PostgreSQL' : false),
}, async () => {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-loaded-')));
  const LOADED_MODULES = join(folder, 'modules');
  const NODE_OPTIONS = `--import=${new URL('list-loaded.ts', import.meta.url).href}`;
  await using server = await startServer({ env: { NODE_OPTIONS, LOADED_MODULES } });
  assert.ok(server.url);
  const modules = readFileSync(LOADED_MODULES, 'utf8').split('\n');
  assert.ok(modules.some((url) => url.includes('/node_modules/fastify/')));
  assert.deepEqual(
    modules.filter((url) => DRIVERS.test(url)),
    [],
  );
});
