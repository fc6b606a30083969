import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { explain } from '../../packages/cli/src/errors/explain.ts';
import { TransportError } from '../../packages/client/src/node/index.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';

let place: CliFixture;
before(async () => {
  place = await openCliFixture();
});
after(() => place[Symbol.asyncDispose]());

async function listening(server: Server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.dispose]: () => void server.close(),
  };
}

/** A self-signed certificate; with `ended`, one that expired in 2020. */
async function certificate(name: string, subject: string, { expired = false } = {}) {
  const openssl = (...args: string[]) => promisify(execFile)('openssl', args);
  const [cert, key] = [place.at(`${name}.pem`), place.at(`${name}.key`)];
  const [config, request] = [place.at(`${name}.cnf`), place.at(`${name}.csr`)];
  const folder = place.at(`${name}-ca`);
  await mkdir(folder);
  await writeFile(join(folder, 'index'), '');
  await writeFile(
    config,
    `[req]\ndistinguished_name=names\nprompt=no\n[names]\nCN=x\n[more]\nsubjectAltName=${subject}\n[ca]\ndefault_ca=own\n[own]\ndatabase=${folder}/index\n` +
      `rand_serial=yes\nnew_certs_dir=${folder}\ndefault_md=sha256\npolicy=any\nx509_extensions=more\n[any]\ncommonName=supplied\n`,
  );
  await openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', request, '-config', config);
  const until = expired ? ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'] : ['-days', '2'];
  await openssl(
    'ca',
    '-batch',
    '-selfsign',
    '-config',
    config,
    '-keyfile',
    key,
    '-in',
    request,
    '-out',
    cert,
    '-notext',
    ...until,
  );
  return { file: cert, cert: await readFile(cert), key: await readFile(key) };
}

test('TLS errors are explained immediately, with a remedy', async () => {
  const mine = await certificate('mine', 'IP:127.0.0.1');
  const expired = await certificate('expired', 'IP:127.0.0.1', { expired: true });
  const other = await certificate('other', 'DNS:other.example');
  const page = (_: unknown, response: { end(text: string): void }) => response.end('<html>');
  using trusted = await listening(createHttps(mine, page));
  using old = await listening(createHttps(expired, page));
  using elsewhere = await listening(createHttps(other, page));
  using plain = await listening(createHttp(page));
  using neither = await listening(
    createTcp((socket) => {
      socket.on('error', () => {});
      socket.end('220 mail.example ESMTP\r\n');
    }),
  );
  const cases: [string, Record<string, string>, RegExp][] = [
    [
      `https://127.0.0.1:${trusted.port}`,
      {},
      /its certificate is not from an authority that this machine trusts\. \(DEPTH_ZERO_SELF_SIGNED_CERT\) .*NODE_EXTRA_CA_CERTS/,
    ],
    [
      `https://127.0.0.1:${old.port}`,
      { NODE_EXTRA_CA_CERTS: expired.file },
      /its certificate has expired\. \(CERT_HAS_EXPIRED\) Renew the certificate/,
    ],
    [
      `https://127.0.0.1:${elsewhere.port}`,
      { NODE_EXTRA_CA_CERTS: other.file },
      /its certificate is for another name\. .* Use an address with the name/,
    ],
    [`https://127.0.0.1:${plain.port}`, {}, /this port does not speak TLS\. .*begins with http:\/\//],
    [`http://127.0.0.1:${neither.port}`, {}, /the service on this port does not speak HTTP\. .*begins with https:\/\//],
    [`http://127.0.0.1:${plain.port}`, {}, /returned 200 with “<html>”, which is not a response of this API/],
  ];
  for (const [server, env, expected] of cases) {
    const expired = await place.run(['ls'], { env: { PARTWAY_SERVER: server, NODE_EXTRA_CA_CERTS: '', ...env } });
    assert.equal(expired.code, 7, `${server}: ${expired.stderr}`);
    assert.match(expired.stderr, expected);
    // None of these errors is temporary.
    assert.doesNotMatch(expired.stderr, /Retrying/);
    assert.doesNotMatch(expired.stderr, /SSL routines|Node\.js|at Object\./);
  }
  const closed = await place.run(['ls'], { env: { PARTWAY_SERVER: `http://127.0.0.1:${trusted.port}` } });
  assert.equal(closed.code, 7);
  assert.match(closed.stderr, /begins with http:\/\/ or https:\/\/|begins with https:\/\//);
});

test('a server that cannot start says why and what to do', async () => {
  const serve = (listen: string, env: Record<string, string> = {}, data = 'unstarted') =>
    place.run(['serve', '--listen', listen, '--data', place.at(data)], { env });
  const used = new URL(place.server.url).host;
  const inUse = await serve(used);
  assert.equal(inUse.code, 1);
  assert.match(
    inUse.stderr,
    new RegExp(`${used} is in use by another program, .*choose another address with --listen`),
  );
  const token = { PARTWAY_TOKEN: 'a-token-that-is-long-enough-0123456789' };
  const elsewhere = await serve('203.0.113.7:4400', token);
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.stderr, /This machine does not have the address 203\.0\.113\.7/);
  const pem = await certificate('swapped', 'IP:127.0.0.1');
  const swapped = await serve('127.0.0.1:0', {
    PARTWAY_TLS_CERT: pem.file.replace('.pem', '.key'),
    PARTWAY_TLS_KEY: pem.file,
  });
  assert.equal(swapped.code, 1);
  assert.match(
    swapped.stderr,
    /The certificate or its key cannot be read .*PARTWAY_TLS_CERT and PARTWAY_TLS_KEY must be PEM files/,
  );
  await mkdir(place.at('damaged'));
  await writeFile(place.at('damaged', 'partway.sqlite'), 'not a database '.repeat(1000));
  const damaged = await serve('127.0.0.1:0', {}, 'damaged');
  assert.equal(damaged.code, 1);
  assert.match(damaged.stderr, /is not a database\. .*restore the last backup/);
});

test('a local file that cannot be read is reported with its path', {
  skip: process.getuid?.() === 0 && 'root can read all files',
}, async () => {
  await writeFile(place.at('secret.txt'), 'x');
  await chmod(place.at('secret.txt'), 0);
  const expired = await place.run(['upload', 'secret.txt']);
  assert.equal(expired.code, 1);
  assert.match(expired.stderr, /This user has no permission for \S*secret\.txt\. Change its permissions/);
});

test('system errors are explained in plain words, with a remedy', () => {
  const of = (code: string, more: object = {}) =>
    explain(Object.assign(new Error(`${code}: raw`), { code, ...more })).message;
  const path = '/some/file';
  for (const [code, expected] of [
    ['ENOENT', /^\/some\/file does not exist\.$/],
    ['ENOTDIR', /does not exist: part of its path is a file/],
    ['EISDIR', /is a folder, not a file/],
    ['EEXIST', /already exists/],
    ['EACCES', /This user has no permission for \/some\/file/],
    ['EPERM', /This user has no permission for \/some\/file/],
    ['ENAMETOOLONG', /is too long for this file system/],
    ['ENOSPC', /^The disk is full: \/some\/file could not be written/],
    ['EDQUOT', /disk quota is used up/],
    ['EFBIG', /exceed the maximum file size/],
    ['EROFS', /on a read-only file system/],
    ['EBUSY', /in use by another program/],
    ['EIO', /^The disk failed at \/some\/file/],
    ['ELOOP', /circular symbolic link/],
  ] as const) {
    assert.match(of(code, { path }), expected);
    assert.doesNotMatch(of(code, { path }), /raw/);
  }
  for (const code of ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'EPIPE']) {
    assert.doesNotMatch(of(code), /raw/, code);
  }
  const listen = { syscall: 'listen', address: '127.0.0.1', port: 80 };
  for (const code of ['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND']) {
    assert.match(of(code, listen), /127\.0\.0\.1.*--listen \(PARTWAY_LISTEN\)/, code);
  }
  for (const [errcode, expected] of [
    [5, /Another process has locked the database/],
    [517, /Another process has locked the database/],
    [8, /The database is read-only/],
    [10, /The disk failed/],
    [11, /The database is damaged\. .*restore the last backup/],
    [13, /The disk is full/],
    [14, /cannot be opened/],
    [26, /is not a database/],
  ] as const) {
    assert.match(of('ERR_SQLITE_ERROR', { errcode }), expected);
  }
});

test('connection errors are explained in plain words, with a remedy, and have exit code 7', () => {
  for (const code of [
    ...[
      'ECONNREFUSED',
      'ENOTFOUND',
      'EAI_AGAIN',
      'ETIMEDOUT',
      'EHOSTUNREACH',
      'ENETUNREACH',
      'ECONNRESET',
      'EPIPE',
      'EMFILE',
    ],
    ...[
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'CERT_HAS_EXPIRED',
    ],
    ...[
      'CERT_NOT_YET_VALID',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'EPROTO',
      'ERR_SSL_WRONG_VERSION_NUMBER',
      'HPE_INVALID_CONSTANT',
    ],
  ]) {
    const { message, exitCode } = explain(new TransportError('The connection to h:1 failed: raw.', { code }));
    assert.equal(exitCode, 7);
    assert.match(
      message,
      new RegExp(`^The connection to h:1 failed: .*\\(${code}\\) .*For details, run partway doctor\\.$`),
    );
    assert.doesNotMatch(message, /Check that the server is running, and that this is its address/, code);
  }
});
