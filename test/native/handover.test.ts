import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Native } from '../../packages/native/src/native.ts';
import { openLog } from '../../packages/server/src/logging/logger.ts';
import { openHandover } from '../../packages/server/src/start/handover.ts';
import { findHandoverProblem } from '../../packages/server/src/start/test-handover.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { noNative, testNative } from '../support/native.ts';

test('connections can be handed over in this version of Node.js, and the check leaves no file', {
  skip: noNative,
}, async () => {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-handover-')));
  for (let n = 0; n < 5; n++) assert.equal(await findHandoverProblem(testNative as Native, folder), undefined);
  assert.deepEqual(readdirSync(folder), []);
});

test('the check reports what goes wrong when bodies are received', { skip: noNative }, async () => {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-handover-')));
  const native = testNative as Native;
  const working: Pick<Native, 'createHash' | 'digest' | 'write' | 'receive' | 'send'> = {
    createHash: () => native.createHash(),
    digest: (hash) => native.digest(hash),
    write: (...args) => native.write(...args),
    receive: (...args) => native.receive(...args),
    send: (...args) => native.send(...args),
  };
  const findProblem = (change: Partial<typeof working>) =>
    findHandoverProblem({ ...working, ...change } as Native, folder);
  assert.equal(await findProblem({}), undefined);
  const receive = () => {
    throw new Error('nothing can be received');
  };
  assert.match(String(await findProblem({ receive })), /nothing can be received/);
  assert.match(String(await findProblem({ digest: () => 'another digest' })), /digest is wrong/);
  const send: Native['send'] = (socket, file) => native.send(socket, { ...file, position: 1, length: file.length - 1 });
  assert.match(String(await findProblem({ send })), /not sent as it was received/);
});

const silent = openLog('silent');

test('a server tests once per machine and build whether connections can be handed over, and remembers that they can', {
  skip: noNative,
}, async () => {
  const dataFolder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-handover-')));
  const native = testNative as Native;
  let tests = 0;
  const counting = new Proxy(native, {
    get(target, name) {
      if (name === 'receive') tests += 1;
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const open = (dataFolder: string, file = native.file) => {
    const own = new Proxy(counting, { get: (target, name) => (name === 'file' ? file : Reflect.get(target, name)) });
    return openHandover({ native: 'fd', tls: undefined }, { native: own, dataFolder }, silent);
  };
  const first = open(dataFolder);
  assert.equal(first.isOn, false);
  await first.check();
  assert.deepEqual([first.isOn, tests], [true, 1]);
  const second = open(dataFolder);
  assert.equal(second.isOn, true);
  await second.check();
  assert.equal(tests, 1);
  // Another build.
  const copy = join(dataFolder, 'copy.node');
  copyFileSync(native.file, copy);
  const third = open(dataFolder, copy);
  assert.equal(third.isOn, false);
  await third.check();
  assert.deepEqual([third.isOn, tests], [true, 2]);
});

test('connections are not handed over if that is off, over TLS, without the module, or if the test fails', async () => {
  const dataFolder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-handover-')));
  const broken = {
    file: join(dataFolder, 'module'),
    createHash: () => {
      throw new Error('nothing works');
    },
  } as unknown as Native;
  writeFileSync(broken.file, '');
  const tls = { cert: Buffer.alloc(0), key: Buffer.alloc(0) };
  for (const [config, native] of [
    [{ native: 'chunks', tls: undefined }, broken],
    [{ native: 'fd', tls }, broken],
    [{ native: 'fd', tls: undefined }, undefined],
    [{ native: 'fd', tls: undefined }, broken],
  ] as const) {
    const handover = openHandover(config, { native, dataFolder }, silent);
    await handover.check();
    assert.equal(handover.isOn, false);
  }
  assert.deepEqual(readdirSync(dataFolder), ['module']);
});

test('a server whose data folder cannot be written keeps running without handing over connections', {
  skip: noNative,
}, async () => {
  const dataFolder = join(deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-handover-'))), 'missing');
  const handover = openHandover({ native: 'fd', tls: undefined }, { native: testNative as Native, dataFolder }, silent);
  await handover.check();
  assert.equal(handover.isOn, false);
});
