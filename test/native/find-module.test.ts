import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findModule } from '../../packages/native/src/find-module.ts';
import { deleteAtExit } from '../support/leftovers.ts';

const BINARIES = ['linux-x64-glibc', 'linux-x64-musl', 'linux-arm64-glibc', 'linux-arm64-musl'];

/** A folder of scripts with these files in it or beside it. */
function createPlace(...files: string[]): { parent: string; folder: string } {
  const parent = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-module-')));
  const folder = join(parent, 'scripts');
  for (const path of files) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), '');
  }
  return { parent, folder };
}

test('the package uses the binary for the processor and C library of the machine', () => {
  const { folder } = createPlace(...BINARIES.map((name) => `prebuilt/${name}.node`));
  for (const arch of ['x64', 'arm64'] as const) {
    for (const libc of ['glibc', 'musl'] as const) {
      const found = findModule({ platform: 'linux', arch, libc: () => libc, folder });
      assert.equal(found, join(folder, `prebuilt/linux-${arch}-${libc}.node`));
    }
  }
});

test('a checkout uses what npm ci has built, even if there are binaries for the package', () => {
  const { parent, folder } = createPlace('../build/partway.node', 'prebuilt/linux-x64-glibc.node');
  const found = findModule({ platform: 'linux', arch: 'x64', libc: () => 'glibc', folder });
  assert.equal(found, join(parent, 'build/partway.node'));
});

test('without a binary for the machine, the reason says what is missing', () => {
  const { folder } = createPlace('prebuilt/linux-x64-glibc.node');
  assert.deepEqual(findModule({ platform: 'darwin', arch: 'arm64', folder }), {
    reason: 'it supports Linux on x64 and arm64, and this is darwin on arm64',
  });
  assert.deepEqual(findModule({ platform: 'linux', arch: 'riscv64', folder }), {
    reason: 'it supports Linux on x64 and arm64, and this is linux on riscv64',
  });
  assert.deepEqual(findModule({ platform: 'linux', arch: 'x64', libc: () => 'musl', folder }), {
    reason: 'it was not built: in a checkout, npm ci builds it if there is a C compiler',
  });
});

test('the C library of this process is detected, and reports of Node.js stay as they were', {
  skip: process.platform !== 'linux' && 'the module supports Linux',
}, () => {
  const { folder } = createPlace(...BINARIES.map((name) => `prebuilt/${name}.node`));
  const { glibcVersionRuntime } = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header;
  const libc = glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  assert.equal(findModule({ arch: 'x64', folder }), join(folder, `prebuilt/linux-x64-${libc}.node`));
  assert.ok('networkInterfaces' in (process.report.getReport() as { header: object }).header);
});
