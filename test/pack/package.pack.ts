/**
 * The package as users get it: packed, installed from the tarball into empty folders, and used there. Dependencies
 * come from the registry, so these tests only run with `npm run test:pack`.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createFile, sha1OfFile } from '../support/bytes.ts';
import { deleteAtExit, killAtExit } from '../support/leftovers.ts';
import { hasSha1Instructions } from '../support/processor.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const LIMIT_MILLIS = 600_000;
/** About 30% above the current size. */
const MAX_PACKED_BYTES = 1_600_000;
/** Twice the current size of the largest. */
const MAX_BINARY_BYTES = 46_000;

/** What an installation says about the native module if this processor has the instructions, and if not. */
const NATIVE = hasSha1Instructions()
  ? { greeting: /hashing +\d+ native threads? \((sha-ni|armv8)\)/, diagnosis: /native threads \((sha-ni|armv8)\)/ }
  : { greeting: /hashing +Node\.js/, diagnosis: /no SHA-1 instructions/ };

interface Manifest {
  name: string;
  version: string;
  dependencies: Record<string, string>;
}

let home: string;
let tarball: string;
let packed: string[];
let files: { path: string; size: number }[];
let packedBytes: number;
before(async () => {
  home = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-pack-')));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', home], REPOSITORY);
  // The build prints its output first.
  const [made] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as {
    filename: string;
    size: number;
    files: { path: string; size: number }[];
  }[];
  assert.ok(made !== undefined);
  tarball = join(home, made.filename);
  files = made.files;
  packed = files.map(({ path }) => path);
  packedBytes = made.size;
});

/** Runs a program with this Node.js first in the path, and its own home folder. */
function run(file: string, args: readonly string[], cwd: string, env: Record<string, string> = {}) {
  return promisify(execFile)(file, args, {
    cwd,
    env: { ...environment(), ...env },
    timeout: LIMIT_MILLIS,
    maxBuffer: 16 * 1024 * 1024,
  });
}

function environment(): Record<string, string> {
  const { PATH = '', HOME = '', ...others } = process.env;
  const npm = Object.entries(others).filter(
    (entry): entry is [string, string] =>
      // The settings of the registry and its certificates.
      /^npm_config_(registry|cache|fetch_.*)$|_proxy$|^NODE_EXTRA_CA_CERTS$|^SSL_CERT_(FILE|DIR)$/i.test(entry[0]) &&
      entry[1] !== undefined,
  );
  return { ...Object.fromEntries(npm), PATH: `${dirname(process.execPath)}:${PATH}`, HOME };
}

test('the package has the program and its documentation, and nothing else', () => {
  for (const path of [
    'packages/cli/bin/partway.js',
    'packages/cli/dist/partway.js',
    'packages/cli/dist/client.js',
    'README.md',
    'LICENSE',
  ]) {
    assert.ok(packed.includes(path), path);
  }
  const strange = packed.filter(
    (path) =>
      !/^(packages\/cli\/(bin|dist)|docs|deploy)\/|^((README|CHANGELOG|CONTRIBUTING|SECURITY)|test\/clients\/README)\.md$|^(LICENSE|(packages\/cli\/)?package\.json)$/.test(
        path,
      ),
  );
  assert.deepEqual(strange, []);
  // It copies the sources of a checkout.
  assert.ok(!packed.includes('deploy/Dockerfile'));
  assert.ok(packedBytes < MAX_PACKED_BYTES, `the tarball has ${packedBytes} bytes`);
});

test('every relative link in the documentation of the package leads to a file of the package', () => {
  const pages = packed.filter((path) => path.endsWith('.md'));
  assert.ok(pages.length > 50, `${pages.length} pages`);
  const dead = pages.flatMap((page) => {
    const text = readFileSync(join(REPOSITORY, page), 'utf8').replaceAll(/^ *```.*\n[\s\S]*?^ *```$/gm, '');
    return [...text.matchAll(/\]\(([^)\s#]+)(#[^)\s]*)?\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^[a-z]+:/.test(link))
      .map((link) => join(dirname(page), link).replace(/\/$/, ''))
      .filter((target) => !packed.some((path) => path === target || path.startsWith(`${target}/`)))
      .map((target) => `${page}: ${target}`);
  });
  assert.deepEqual(dead, []);
});

test('the package has the native module for Linux on x64 and arm64, with glibc and with musl', () => {
  const binaries = files.filter(({ path }) => path.endsWith('.node'));
  assert.deepEqual(
    binaries.map(({ path }) => path).sort(),
    ['arm64-glibc', 'arm64-musl', 'x64-glibc', 'x64-musl'].map(
      (name) => `packages/cli/dist/prebuilt/linux-${name}.node`,
    ),
  );
  for (const { path, size } of binaries) {
    assert.ok(size > 10_000 && size < MAX_BINARY_BYTES, `${path} has ${size} bytes`);
  }
});

test('the package depends on what its scripts and types import, and on nothing else', async () => {
  const manifest = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8')) as Manifest;
  const published = JSON.parse(await readFile(join(REPOSITORY, 'packages/cli/package.json'), 'utf8')) as Manifest;
  assert.deepEqual([published.name, published.version], [manifest.name, manifest.version]);
  const imported = new Set<string>();
  for (const path of packed.filter((name) => /^packages\/cli\/dist\/.*\.(js|ts)$/.test(name))) {
    const text = await readFile(join(REPOSITORY, path), 'utf8');
    // Only at the beginning of a line: the bundled packages contain texts that look like imports.
    for (const [, name] of text.matchAll(/^(?:(?:import|export)\b.*|}) from ['"]([^'".]+)['"];?$/gm)) {
      if (!name?.startsWith('node:') && !isBuiltin(name ?? '')) imported.add(name ?? '');
    }
  }
  assert.deepEqual([...imported].sort(), Object.keys(manifest.dependencies));
});

test('the package has the licenses of everything that it contains', async () => {
  const text = await readFile(join(REPOSITORY, 'packages/cli/dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
  const { dependencies } = JSON.parse(
    await readFile(join(REPOSITORY, 'packages/server/package.json'), 'utf8'),
  ) as Manifest;
  const { dependencies: external } = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8')) as Manifest;
  for (const name of Object.keys(dependencies)) {
    if (!name.startsWith('@partway/') && !(name in external)) assert.ok(text.includes(`\n${name} `), name);
  }
});

test('npm i -g: the command serves, uploads with native threads, and downloads', async () => {
  const prefix = join(home, 'prefix');
  const empty = join(home, 'empty');
  await mkdir(empty);
  await run('npm', ['install', '--global', '--prefix', prefix, '--prefer-offline', tarball], empty);
  const partway = join(prefix, 'bin', 'partway');
  // Development dependencies, including a Node.js, are not installed.
  const modules = join(prefix, 'lib', 'node_modules', 'partway', 'node_modules');
  for (const name of ['node', 'typescript', 'esbuild', 'playwright-core', '@biomejs']) {
    assert.ok(!existsSync(join(modules, name)), name);
  }
  assert.ok(!existsSync(join(modules, '@partway')), 'the workspace packages are bundled');
  const { version } = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string };
  assert.equal((await run(partway, ['--version'], empty)).stdout, `${version}\n`);

  const { child, url, greeting } = await serve(partway, empty);
  after(() => child.kill('SIGKILL'));
  assert.match(greeting, NATIVE.greeting);
  assert.match(await diagnoseNative(partway, empty), NATIVE.diagnosis);
  const sha1 = await createFile(join(empty, 'big.bin'), 21_000_000, 'pack');
  const env = { PARTWAY_SERVER: url };
  const uploaded = await run(partway, ['upload', 'big.bin', '--verbose'], empty, env);
  assert.match(uploaded.stdout, new RegExp(`SHA-1 ${sha1}`));
  await run(partway, ['download', '/big.bin', '--to', 'copy.bin'], empty, env);
  assert.equal(await sha1OfFile(join(empty, 'copy.bin')), sha1);
  assert.match((await run(partway, ['fsck'], empty)).stdout, /No problems found/);
});

test('npx partway runs the installed package, and the library can be imported', async () => {
  const folder = join(home, 'with-package');
  await mkdir(folder);
  await run('npm', ['init', '--yes'], folder);
  await run('npm', ['install', '--prefer-offline', tarball], folder);
  assert.match((await run('npx', ['partway', '--help'], folder)).stdout, /Files on a server:/);
  const { child, url } = await serve(join(folder, 'node_modules', '.bin', 'partway'), folder);
  after(() => child.kill('SIGKILL'));
  await writeFile(
    join(folder, 'use.mjs'),
    `import { readFileSync } from 'node:fs';
import { createClient } from 'partway/client';
const client = createClient({ server: process.argv[2], token: readFileSync('data/developer-token', 'utf8').trim() });
const { file } = await client.uploadFile(Buffer.alloc(100_000, 'x'), { name: 'x.txt' });
console.log((await client.files.getFileById(file.id)).size, (await client.users.getUserMe()).login);
client.close();
`,
  );
  const { stdout } = await run(process.execPath, ['use.mjs', url], folder);
  assert.equal(stdout, '100000 developer@partway.local\n');
});

test('TypeScript finds the types of the client and the server in the package', async () => {
  const folder = join(home, 'with-package');
  await writeFile(
    join(folder, 'use.ts'),
    `import { startServer, type RunningServer } from 'partway';
import { createClient, type UploadProgress } from 'partway/client';
export const client = createClient({ server: 'http://127.0.0.1:1', token: 'x' });
export const start: (...args: Parameters<typeof startServer>) => Promise<RunningServer> = startServer;
export const done = ({ bytesDone }: UploadProgress): number => bytesDone;
// @ts-expect-error: a name is a string.
void client.uploadFile(new Uint8Array(1), { name: 1 });
`,
  );
  const types = join(REPOSITORY, 'node_modules/@types');
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--lib',
    'es2025,esnext.disposable',
  ];
  const tsc = join(REPOSITORY, 'node_modules/.bin/tsc');
  await run(tsc, [...options, '--typeRoots', types, '--types', 'node', 'use.ts'], folder);
});

test('npx runs the tarball in an empty folder', async () => {
  const folder = join(home, 'with-nothing');
  await mkdir(folder);
  const { stdout } = await run(
    'npx',
    ['--yes', '--prefer-offline', `--package=${tarball}`, 'partway', 'ls', '--help'],
    folder,
  );
  assert.match(stdout, /list folders and files on the server/);
});

/** What `partway doctor` says about the native module. */
async function diagnoseNative(partway: string, cwd: string): Promise<string> {
  // Other checks may fail, such as that for free space.
  const { stdout } = await run(partway, ['doctor', '--json', '--data', 'data'], cwd).catch((error) => error);
  const lines = String(stdout).trim().split('\n');
  const found = lines.map((line) => JSON.parse(line) as { check: string; message: string });
  return found.find(({ check }) => check === 'native')?.message ?? '';
}

/** Starts `partway serve` on a free port with the data folder of `cwd`. */
async function serve(partway: string, cwd: string): Promise<{ child: ChildProcess; url: string; greeting: string }> {
  const child = spawn(partway, ['serve', '--listen', '127.0.0.1:0'], {
    cwd,
    env: environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  killAtExit(child);
  const ended = once(child, 'exit').then(() => assert.fail('the server ended before it was listening'));
  const listening = (async () => {
    let greeting = '';
    for await (const line of createInterface(child.stdout)) {
      greeting += `${line}\n`;
      const url = /listening on (\S+)/.exec(greeting)?.[1];
      if (url !== undefined && line.includes('hashing')) return { url, greeting };
    }
    return assert.fail('the server said nothing');
  })();
  const started = await Promise.race([listening, ended]);
  ended.catch(() => {});
  return { child, ...started };
}
