import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Api } from '../support/api.ts';
import { killAtExit } from '../support/leftovers.ts';
import { startServer } from '../support/server.ts';
import { onlySqlite } from '../support/test-database.ts';

const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function partway(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH ?? '', ...env } };
    const child = execFile(process.execPath, [PARTWAY, ...args], options, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

test('serve with invalid settings lists them all and creates no data folder', async () => {
  const folder = join(tmpdir(), `partway-never-${process.pid}`);
  const ended = await partway(['serve', '--part-size', '3'], { PARTWAY_LISTEN: 'x', PARTWAY_DATA: folder });
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /PARTWAY_LISTEN=x: must be host:port/);
  assert.match(ended.stderr, /PARTWAY_PART_SIZE=3: must be a power of two/);
  assert.doesNotMatch(ended.stderr, /at .*\.ts:/);
  await assert.rejects(stat(folder), { code: 'ENOENT' });
});

test('a flag overrides its environment variable', async () => {
  const ended = await partway(['serve', '--listen', 'flag'], { PARTWAY_LISTEN: 'environment' });
  assert.match(ended.stderr, /PARTWAY_LISTEN=flag/);
});

test('the first start creates, prints and keeps a developer token that only its owner can read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'partway-cli-'));
  try {
    await using server = await startServer({ dataFolder: folder, env: { PARTWAY_TOKEN: '' } });
    const path = join(folder, 'developer-token');
    const token = (await readFile(path, 'utf8')).trim();
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await new Api({ url: server.url, token }).get('/users/me')).status, 200);
    await server.restart();
    assert.equal((await readFile(path, 'utf8')).trim(), token);
    assert.equal((await new Api({ url: server.url, token }).get('/users/me')).status, 200);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('serve does not print a developer token that was configured', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'partway-cli-'));
  const token = 'known-to-whoever-set-it';
  const env = { PARTWAY_DATA: folder, PARTWAY_LISTEN: '127.0.0.1:0', PARTWAY_TOKEN: token };
  try {
    const server = spawn(process.execPath, [PARTWAY, 'serve'], {
      env: { PATH: process.env.PATH ?? '', HOME: folder, ...env },
    });
    killAtExit(server);
    let printed = '';
    for await (const text of server.stdout.setEncoding('utf8')) {
      printed += text;
      if (printed.includes('Try it:')) server.kill('SIGTERM');
    }
    assert.match(printed, /developer token {2}as configured/);
    assert.ok(!printed.includes(token));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a second server on the same data folder fails with the process ID of the first', async () => {
  await using server = await startServer();
  const second = await partway(['serve'], { PARTWAY_DATA: server.dataFolder, PARTWAY_LISTEN: '127.0.0.1:0' });
  assert.equal(second.code, 1);
  assert.match(second.stderr, new RegExp(`in use by process ${server.pid} `));
  assert.equal((await new Api(server).get('/users/me')).status, 200);
});

test('help lists every setting with its flag and its environment variable', async () => {
  const { stdout, code } = await partway(['serve', '--help']);
  assert.equal(code, 0);
  for (const name of [
    'LISTEN',
    'DATA',
    'TOKEN',
    'PUBLIC_URL',
    'TLS_CERT',
    'TLS_KEY',
    'TRUSTED_PROXIES',
    'PART_SIZE',
    'MIN_SESSION_SIZE',
    'MAX_FILE_SIZE',
    'SESSION_TTL',
    'LOG',
    'DOWNLOADS',
  ]) {
    assert.match(stdout, new RegExp(`PARTWAY_${name}`));
    assert.match(stdout, new RegExp(`--${name.toLowerCase().replaceAll('_', '-')} <`));
  }
});

test('user and app commands fail if the folder is not a data folder', async () => {
  const ended = await partway(['user', 'add', 'x@example.com', '--data', join(tmpdir(), 'partway-nowhere')]);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /There is no Partway data in/);
});

test('serve rejects a data folder whose database is missing, and changes none of its files', {
  skip: onlySqlite,
}, async () => {
  await using server = await startServer({ env: { PARTWAY_MIN_SESSION_SIZE: '0', PARTWAY_PART_SIZE: '65536' } });
  const api = new Api(server);
  const bytes = Buffer.from('the only copy');
  const session = await api.createSession('kept.txt', bytes.length);
  await api.commit(session.id, await api.uploadParts(session, bytes), bytes);
  await server.stop();
  const before = await readdir(join(server.dataFolder, 'blobs'), { recursive: true });
  await rm(join(server.dataFolder, 'partway.sqlite'));
  const ended = await partway(['serve'], { PARTWAY_DATA: server.dataFolder, PARTWAY_LISTEN: '127.0.0.1:0' });
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /no database \(partway\.sqlite\)/);
  assert.deepEqual(await readdir(join(server.dataFolder, 'blobs'), { recursive: true }), before);
});
