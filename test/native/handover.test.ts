import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Native } from '../../packages/native/src/native.ts';
import { findHandoverProblem } from '../../packages/server/src/start/test-handover.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { noNative, testNative } from '../support/native.ts';

test('bodies can be received natively in this version of Node.js, and the check leaves no file', {
  skip: noNative,
}, async () => {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-handover-')));
  for (let n = 0; n < 5; n++) assert.equal(await findHandoverProblem(testNative as Native, folder), undefined);
  assert.deepEqual(readdirSync(folder), []);
});

test('the check reports what goes wrong when bodies are received', { skip: noNative }, async () => {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-handover-')));
  const native = testNative as Native;
  const working: Pick<Native, 'createHash' | 'digest' | 'write' | 'receive'> = {
    createHash: () => native.createHash(),
    digest: (hash) => native.digest(hash),
    write: (...args) => native.write(...args),
    receive: (...args) => native.receive(...args),
  };
  const findProblem = (change: Partial<typeof working>) =>
    findHandoverProblem({ ...working, ...change } as Native, folder);
  assert.equal(await findProblem({}), undefined);
  const receive = () => {
    throw new Error('nothing can be received');
  };
  assert.match(String(await findProblem({ receive })), /nothing can be received/);
  assert.match(String(await findProblem({ digest: () => 'another digest' })), /digest is wrong/);
});
