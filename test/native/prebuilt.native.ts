/**
 * The binaries of the native module for the package, each on its own processor and C library: in Node.js, or in a
 * program that has as much of Node-API as the module uses (harness/). They need what install.sh installs.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { getCompiler, isZigInstalled, TARGET_NAMES, type TargetName, ZIG_ENV } from '../../scripts/zig/zig.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { hasSha1Instructions } from '../support/processor.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = join(HERE, '../..');
const ARM64_LIBRARIES = join(HERE, '.arm64');
const SEED = Number(process.env.PARTWAY_TEST_SEED ?? randomInt(2 ** 31));
const CASES = 10_000;

const inPath = (name: string) => (process.env.PATH ?? '').split(delimiter).some((path) => existsSync(join(path, name)));
const missing = [
  process.arch !== 'x64' && 'a machine with x64',
  !isZigInstalled() && 'Zig',
  !inPath('qemu-aarch64-static') && 'QEMU',
  !existsSync('/lib/ld-musl-x86_64.so.1') && 'musl',
  !existsSync(join(ARM64_LIBRARIES, '.finished')) && 'the C libraries for arm64',
].filter((what) => what !== false);
const reason = `test/native/install.sh installs what is missing: ${missing.join(', ')}`;

/** Runs a program without what is loaded into this process to find wrong memory accesses. */
function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ stdout: string }> {
  const { LD_PRELOAD, ASAN_OPTIONS, NODE_TEST_CONTEXT, ...inherited } = process.env;
  return promisify(execFile)(command, args, { cwd: ROOT, env: { ...inherited, ...env }, maxBuffer: 1024 ** 3 });
}

describe('the binaries in the package', {
  skip: missing.length > 0 && process.env.CI !== 'true' && reason,
}, () => {
  let folder: string;
  const binary = (name: TargetName) => join(folder, `${name}.node`);
  const program = (name: TargetName) => join(folder, `check-${name}`);
  before(async () => {
    assert.deepEqual(missing, [], reason);
    folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-prebuilt-')));
    await run(process.execPath, [join(ROOT, 'scripts/build-native.ts'), folder]);
    const headers = dirname(
      createRequire(join(ROOT, 'packages/native/build.js')).resolve('node-api-headers/include/node_api.h'),
    );
    const sources = ['check-module.c', 'fake-node.c'].map((file) => join(HERE, 'harness', file));
    for (const name of TARGET_NAMES) {
      const [zig, ...options] = getCompiler(name);
      const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-dynamic', '-rdynamic', '-pthread'];
      await run(zig, [...options, ...flags, '-I', headers, ...sources, '-ldl', '-o', program(name)], ZIG_ENV);
    }
  });

  /** Computes all cases with a binary. Without the instructions, only checks that their absence is noticed. */
  async function check(name: TargetName, kernel: string, emulator: readonly string[]): Promise<void> {
    const [command = '', ...args] = [...emulator, program(name), binary(name), kernel, String(CASES), String(SEED)];
    const { stdout } = await run(command, args);
    assert.equal(stdout.trim(), `${kernel === 'none' ? 0 : CASES} cases, instructions: ${kernel}`);
  }

  const EMULATED_ARM64 = ['qemu-aarch64-static', '-L', ARM64_LIBRARIES];
  for (const name of TARGET_NAMES) {
    test(`${name} computes the SHA-1 of examples and of ${CASES} random cases that save and continue hashes (PARTWAY_TEST_SEED=${SEED})`, async () => {
      if (name.includes('arm64')) await check(name, 'armv8', EMULATED_ARM64);
      else await check(name, hasSha1Instructions() ? 'sha-ni' : 'none', []);
    });

    test(`${name} needs nothing but Node.js and the C library, of which an old version is enough`, async () => {
      const { stdout } = await run('readelf', ['--wide', '--dynamic', '--version-info', binary(name)]);
      const libraries = [...stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, library]) => library);
      const isGlibc = name.endsWith('glibc');
      assert.deepEqual(libraries.sort(), isGlibc ? ['libc.so.6', 'libpthread.so.0'] : ['libc.so']);
      const versions = [...stdout.matchAll(/GLIBC_2\.(\d+)/g)].map(([, version]) => Number(version));
      assert.equal(versions.length > 0, isGlibc);
      assert.ok(versions.every((version) => version <= 28));
    });
  }

  test('a processor without SHA-1 instructions is detected', async () => {
    await check('linux-x64-musl', 'none', ['qemu-x86_64-static', '-cpu', 'Nehalem']);
  });

  test('linux-x64-glibc passes all tests of the module in Node.js', {
    skip: !hasSha1Instructions() && 'this processor has no SHA-1 instructions',
  }, async () => {
    const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', join(HERE, '*.test.ts')], {
      PARTWAY_TEST_NATIVE: binary('linux-x64-glibc'),
    });
    assert.match(stdout, /^# fail 0$/m);
    assert.match(stdout, /^# skipped 0$/m);
  });
});
