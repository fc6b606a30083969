import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { diagnoseClock } from '../../packages/cli/src/doctor/check-api.ts';
import { checkDisk } from '../../packages/cli/src/doctor/check-disk.ts';
import { checkNative } from '../../packages/cli/src/doctor/check-native.ts';
import { checkNode } from '../../packages/cli/src/doctor/check-node.ts';
import { checkTls } from '../../packages/cli/src/doctor/check-tls.ts';
import { noNative } from '../support/native.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { jsonLines, type RunOptions } from './run.ts';

const run = promisify(execFile);

let place: CliFixture;
let tlsPlace: CliFixture;
before(async () => {
  [place, tlsPlace] = await Promise.all([openCliFixture(), openCliFixture({ tls: true })]);
});
after(async () => {
  await place[Symbol.asyncDispose]();
  await tlsPlace[Symbol.asyncDispose]();
});

/** The result of each check, and the exit code. */
async function doctor(at: CliFixture, args: string[] = [], options: RunOptions = {}) {
  const ended = await at.run(['doctor', '--json', ...args], options);
  const found = jsonLines(ended.stdout) as { check: string; state: string; message: string; remedy?: string }[];
  for (const { state, remedy } of found) assert.equal(state !== 'ok', remedy !== undefined, ended.stdout);
  return { code: ended.code, found, of: (check: string) => found.filter((one) => one.check === check) };
}

test('doctor reports every check as ok if nothing is wrong', async () => {
  const { dataFolder } = place.server;
  await chmod(dataFolder, 0o700);
  const { code, found } = await doctor(place, ['--data', dataFolder]);
  assert.deepEqual(
    found.filter(({ state, check }) => state !== 'ok' && !['disk', 'sync', 'native'].includes(check)),
    [],
  );
  assert.deepEqual(
    [...new Set(found.map(({ check }) => check))],
    ['node', 'server', 'address', 'token', 'clock', 'links', 'native', 'folder', 'disk', 'sync'],
  );
  assert.equal(code, found.some(({ state }) => state === 'fail') ? 3 : 0);
  assert.ok((await readdir(dataFolder)).every((name) => !name.startsWith('doctor-')));
});

test('doctor distinguishes an unreachable server, a wrong token and an unknown profile, each with a remedy', async () => {
  const unreachable = await doctor(place, ['--server', 'http://127.0.0.1:1']);
  assert.equal(unreachable.code, 3);
  assert.match(String(unreachable.of('address')[0]?.message), /nothing listens on port 1 of 127\.0\.0\.1/);
  assert.match(String(unreachable.of('address')[0]?.remedy), /partway serve/);
  const refused = await doctor(place, [], { env: { PARTWAY_TOKEN: 'nonsense' } });
  assert.equal(refused.code, 3);
  assert.equal(refused.of('token')[0]?.state, 'fail');
  assert.match(String(refused.of('token')[0]?.remedy), /partway login/);
  const tokenless = await doctor(place, ['--server', place.server.url], { env: { PARTWAY_TOKEN: '' } });
  assert.equal(tokenless.of('address')[0]?.state, 'ok');
  assert.match(String(tokenless.of('token')[0]?.remedy), /^There is no token for .*partway login --server/);
  const none = await doctor(place, ['--profile', 'none']);
  assert.match(String(none.of('server')[0]?.remedy), /There is no profile none/);
});

test('doctor checks the certificate before it sends a token', async () => {
  const trusted = await doctor(tlsPlace);
  assert.equal(trusted.code, 0, JSON.stringify(trusted.found));
  // The tests' certificates expire in two days.
  assert.equal(trusted.of('tls')[0]?.state, 'warn');
  assert.match(
    String(trusted.of('tls')[0]?.message),
    /certificate for 127\.0\.0\.1 valid until \d{4}-\d\d-\d\d \([12] days\)/,
  );
  const untrusted = await doctor(tlsPlace, [], { env: { NODE_EXTRA_CA_CERTS: '' } });
  assert.equal(untrusted.code, 3);
  assert.match(String(untrusted.of('tls')[0]?.remedy), /complete chain.*NODE_EXTRA_CA_CERTS/);
  assert.deepEqual(untrusted.of('token'), []);
  const plain = await doctor(place, ['--server', place.server.url.replace('http:', 'https:')]);
  assert.match(String(plain.of('tls')[0]?.remedy), /uses TLS/);
});

test('doctor detects a certificate for another name and an expired one', async () => {
  const { certificates } = tlsPlace.server;
  const url = new URL(tlsPlace.server.url);
  const later = Date.now() + 10 * 86_400_000;
  assert.match((await checkTls(url, later)).message, /the certificate expired on/);
  const [key, cert] = [place.at('other.key'), place.at('other.pem')];
  const subject = ['-subj', '/CN=other.example', '-addext', 'subjectAltName=DNS:other.example'];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
  await run('openssl', ['req', '-x509', ...newKey, ...subject, '-days', '90', '-out', cert]);
  await using other = await openCliFixture({ env: { PARTWAY_TLS_CERT: cert, PARTWAY_TLS_KEY: key } });
  assert.ok(certificates !== undefined);
  const { of } = await doctor(other, [], { env: { NODE_EXTRA_CA_CERTS: cert } });
  assert.match(String(of('tls')[0]?.message), /is not for 127\.0\.0\.1, but for DNS:other\.example/);
});

/** A server whose responses are wrong in one way. */
async function wrongServer(answer: (server: Server) => { headers: Record<string, string>; upload: string }) {
  const server = createServer((request, response) => {
    const { headers, upload } = answer(server);
    response.writeHead(200, { 'content-type': 'application/json', ...headers });
    response.end(
      JSON.stringify(request.method === 'OPTIONS' ? { upload_url: upload } : { id: '1', name: 'N', login: 'n@x' }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(server, { url, [Symbol.asyncDispose]: async () => void server.close() });
}

test('doctor detects a wrong clock and upload addresses of another host', async () => {
  await using wrong = await wrongServer(() => ({
    headers: { date: new Date(Date.now() - 120_000).toUTCString() },
    upload: 'https://elsewhere.example/api/2.0/files/content',
  }));
  const slow = await doctor(place, ['--server', wrong.url]);
  assert.equal(slow.of('clock')[0]?.state, 'fail');
  assert.match(String(slow.of('clock')[0]?.message), /1(19|20|21) s behind/);
  assert.deepEqual(diagnoseClock(20_000), {
    check: 'clock',
    state: 'warn',
    message: 'the server’s clock is 20 s ahead of the local clock',
    remedy: 'Synchronize both clocks with NTP. JWT assertions of apps are valid for a minute.',
  });
  await using elsewhere = await wrongServer(() => ({
    headers: {},
    upload: 'https://elsewhere.example/api/2.0/files/content',
  }));
  const misdirected = await doctor(place, ['--server', elsewhere.url]);
  assert.equal(misdirected.of('links')[0]?.state, 'fail');
  assert.match(String(misdirected.of('links')[0]?.remedy), /PARTWAY_PUBLIC_URL/);
});

test('doctor detects a data folder that is missing, readable by others or without a database', async () => {
  const missing = await doctor(place, ['--data', place.at('nowhere')]);
  assert.match(String(missing.of('folder')[0]?.message), /does not exist/);
  await mkdir(place.at('open'), { mode: 0o755 });
  const open = await doctor(place, ['--data', place.at('open')]);
  const messages = open.of('folder').map(({ message }) => message);
  assert.ok(messages.some((message) => /has no database/.test(message)));
  assert.ok(messages.some((message) => /can be read by others/.test(message)));
});

test('doctor detects a full disk, a file system in memory and a network file system', async () => {
  const figures = { bsize: 4096, blocks: 1_000_000, bfree: 10, bavail: 10, files: 1000, ffree: 3, frsize: 4096 };
  const full = await checkDisk('/data', { ...figures, type: 0x01021994 });
  assert.deepEqual(
    full.map(({ state }) => state),
    ['fail', 'fail', 'warn'],
  );
  const fine = await checkDisk('/data', { ...figures, bavail: 5e6, blocks: 6e6, ffree: 900, type: 0xef53 });
  assert.deepEqual(
    fine.map(({ state, message }) => `${state} ${message}`),
    ['ok /data is on ext4', 'ok 19.1 GiB of 22.9 GiB free'],
  );
  const nfs = await checkDisk('/data', { ...figures, bavail: 5e6, ffree: 900, type: 0x6969 });
  assert.match(String(nfs[0]?.remedy), /over a network/);
});

test('doctor says whether the native module can be used, and if not, why', () => {
  const missing = checkNative(() => ({ reason: 'there is none' }));
  assert.equal(missing.state, 'warn');
  assert.match(missing.message, /cannot be used: there is none/);
  assert.equal(checkNative().state, noNative ? 'warn' : 'ok');
});

test('doctor detects a Node.js version that is too old or has no long-term support', () => {
  assert.equal(checkNode('22.1.0').state, 'fail');
  assert.equal(checkNode('25.0.0').state, 'warn');
  assert.equal(checkNode('24.0.0').state, 'ok');
});
