import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConfigError, readConfig } from '../../packages/server/src/config/config.ts';
import { parseBytes, parseDuration } from '../../packages/server/src/config/parse.ts';
import { DEFAULT_LIMITS, LIMIT_SETTINGS } from '../../packages/server/src/limits.ts';
import { deleteAtExit } from '../support/leftovers.ts';

test('by default, the server listens on the loopback address and keeps its data in ./data', () => {
  const config = readConfig({});
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 4400 });
  assert.ok(config.dataFolder.endsWith('/data'));
  assert.equal(config.minSessionSize, 20_000_000);
  assert.equal(config.sessionLifetime, 7 * 86_400_000);
  assert.equal(config.downloads, 'redirect');
  assert.equal(config.partSize, undefined);
  assert.ok(Object.isFrozen(config));
});

test('all invalid settings are listed at once, each with how to fix it, and without secrets', () => {
  const given = {
    PARTWAY_LISTEN: 'localhost',
    // Node.js decodes bytes that are not UTF-8 like this.
    PARTWAY_DATA: '/srv/caf\uFFFD',
    PARTWAY_TOKEN: 'a secret',
    PARTWAY_DATABASE: 'mysql://user:a secret@host/name',
    PARTWAY_DATABASE_POOL: '0',
    PARTWAY_SIGNING_KEY_FILE: '/nowhere/key',
    PARTWAY_PUBLIC_URL: 'ftp://x',
    PARTWAY_TLS_CERT: '/nowhere/cert.pem',
    PARTWAY_TRUSTED_PROXIES: '10.0.0.0/99',
    PARTWAY_PART_SIZE: '1000000',
    PARTWAY_MIN_SESSION_SIZE: '-1',
    PARTWAY_MAX_FILE_SIZE: 'huge',
    PARTWAY_SESSION_TTL: 'a week',
    PARTWAY_LOG: 'loud',
    PARTWAY_DOWNLOADS: 'maybe',
  };
  assert.throws(
    () => readConfig(given),
    (error) => {
      assert.ok(error instanceof ConfigError);
      for (const name of Object.keys(given))
        assert.match(error.message, new RegExp(`^  - ${name}.*: |must be set together`, 'm'));
      assert.ok(!error.message.includes('a secret'));
      assert.equal(error.message.split('\n').length, 1 + Object.keys(given).length);
      return true;
    },
  );
});

test('valid values are parsed', () => {
  const config = readConfig({
    PARTWAY_LISTEN: '[::1]:0',
    PARTWAY_PUBLIC_URL: 'https://files.example.com/',
    PARTWAY_TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8,::1',
    PARTWAY_PART_SIZE: '16MiB',
    PARTWAY_MIN_SESSION_SIZE: '0',
    PARTWAY_SESSION_TTL: '12h',
  });
  assert.deepEqual(config.listen, { host: '::1', port: 0 });
  assert.equal(config.publicUrl, 'https://files.example.com');
  assert.deepEqual(config.trustedProxies, ['127.0.0.1', '10.0.0.0/8', '::1']);
  assert.equal(config.partSize, 16 * 2 ** 20);
  assert.equal(config.minSessionSize, 0);
  assert.equal(config.sessionLifetime, 43_200_000);
});

test('sizes and durations are parsed with their units, and nothing else is', () => {
  assert.deepEqual(['20000000', '64MiB', '5 TB', '1kb', '7B'].map(parseBytes), [20_000_000, 2 ** 26, 5e12, 1000, 7]);
  assert.deepEqual(
    ['500ms', '30s', '15m', '12h', '7d'].map(parseDuration),
    [500, 30_000, 900_000, 43_200_000, 604_800_000],
  );
  for (const text of ['', 'x', '1.5MB', '-1', '1e9', '10 parsecs', '99999999999999999'])
    assert.equal(parseBytes(text), undefined, text);
  for (const text of ['', '7', 'd', '-1s', '1.5h']) assert.equal(parseDuration(text), undefined, text);
});

test('a short token is accepted only for a server that no other machine can reach', () => {
  assert.equal(readConfig({ PARTWAY_TOKEN: 'dev' }).token, 'dev');
  assert.throws(() => readConfig({ PARTWAY_TOKEN: 'dev', PARTWAY_LISTEN: '0.0.0.0:4400' }), /16 characters or more/);
  for (const reachable of [
    { PARTWAY_LISTEN: '0.0.0.0:4400' },
    { PARTWAY_PUBLIC_URL: 'https://files.example.com' },
    { PARTWAY_TRUSTED_PROXIES: '127.0.0.1' },
  ]) {
    assert.throws(() => readConfig({ PARTWAY_TOKEN: 'dev', ...reachable }), /16 characters or more/);
    assert.throws(() => readConfig({ PARTWAY_TOKEN: 'x'.repeat(16), ...reachable }), /different characters/);
    const token = '0123456789abcdef';
    assert.equal(readConfig({ PARTWAY_TOKEN: token, ...reachable }).token, token);
  }
  assert.equal(readConfig({ PARTWAY_TOKEN: 'dev', PARTWAY_PUBLIC_URL: 'http://[::1]:4400' }).token, 'dev');
});

test('the placeholder of an example prevents the start, for every secret and in every spelling', () => {
  const TOKENS = ['CHANGE-ME', 'CHANGE-ME-openssl-rand-hex-32', 'change_me', 'ChangeMe123', 'replace-me', 'your-token'];
  for (const PARTWAY_TOKEN of TOKENS) {
    assert.throws(
      () => readConfig({ PARTWAY_TOKEN }),
      /PARTWAY_TOKEN: this is the placeholder.*openssl rand/,
      PARTWAY_TOKEN,
    );
  }
  const database = (password: string) => ({ PARTWAY_DATABASE: `postgres://partway${password}@db.example.com/partway` });
  for (const password of [':CHANGE-ME', ':change%2Dme', ':Change.Me', ':your-password']) {
    assert.throws(() => readConfig(database(password)), /PARTWAY_DATABASE: this is the placeholder/, password);
  }
  const onS3 = { PARTWAY_STORAGE: 's3://bucket' };
  assert.throws(() => readConfig(database(''), { PGPASSWORD: 'CHANGE-ME' }), /PGPASSWORD: this is the placeholder/);
  for (const [name, value] of [
    ['AWS_ACCESS_KEY_ID', 'CHANGE-ME'],
    ['AWS_SECRET_ACCESS_KEY', 'CHANGE-ME'],
    ['AWS_SECRET_ACCESS_KEY', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'],
  ] as const) {
    assert.throws(() => readConfig(onS3, { [name]: value }), new RegExp(`${name}: this is the placeholder`));
    readConfig({}, { [name]: value });
  }
  assert.throws(
    () => readConfig({ PARTWAY_TOKEN: 'CHANGE-ME' }),
    (error) => error instanceof ConfigError && !error.message.includes('CHANGE-ME'),
  );
});

test('random secrets are accepted, even if they contain a word by chance', () => {
  const random = 'qmE3-sKf_0LchangeQ9Zx7-meVt2BpR4Nw8yUoTgHaJd';
  readConfig({ PARTWAY_TOKEN: random, PARTWAY_LISTEN: '0.0.0.0:4400' });
});

test('bytes are stored in the data folder or where PARTWAY_STORAGE says, and requests to an endpoint are path-style by default', () => {
  assert.deepEqual(readConfig({}).storage, { kind: 'disk' });
  const defaults = { kind: 's3', spoolSize: 4 * 2 ** 30, minPartSize: 5 * 2 ** 20 };
  assert.deepEqual(readConfig({ PARTWAY_STORAGE: 's3://bucket' }).storage, {
    ...defaults,
    ...{ bucket: 'bucket', prefix: '', endpoint: undefined, pathStyle: false },
  });
  const elsewhere = { PARTWAY_STORAGE: 's3://my.bucket/some/where/', PARTWAY_S3_ENDPOINT: 'http://127.0.0.1:7480/' };
  const place = { bucket: 'my.bucket', prefix: 'some/where', endpoint: 'http://127.0.0.1:7480' };
  assert.deepEqual(readConfig(elsewhere).storage, { ...defaults, ...place, pathStyle: true });
  const hosted = readConfig({ ...elsewhere, PARTWAY_S3_PATH_STYLE: 'no', PARTWAY_SPOOL_SIZE: '1GiB' });
  assert.deepEqual(hosted.storage, { ...defaults, ...place, pathStyle: false, spoolSize: 2 ** 30 });
});

test('an invalid storage address, parts that S3 rejects and a spool that is too small are reported at the start', () => {
  for (const [given, problem] of [
    [{ PARTWAY_STORAGE: 'bucket' }, /must be s3:\/\/bucket or s3:\/\/bucket\/prefix/],
    [{ PARTWAY_STORAGE: 's3://bucket/../other' }, /must be s3:\/\/bucket/],
    [{ PARTWAY_STORAGE: 's3://bucket/a//b' }, /must be s3:\/\/bucket/],
    [{ PARTWAY_S3_ENDPOINT: 'http://user@host' }, /a host, without a path/],
    [{ PARTWAY_S3_ENDPOINT: 'https://host/path' }, /a host, without a path/],
    [{ PARTWAY_STORAGE: 's3://bucket', PARTWAY_PART_SIZE: '1MiB' }, /must be at least PARTWAY_S3_MIN_PART_SIZE/],
    [{ PARTWAY_STORAGE: 's3://bucket', PARTWAY_MAX_FILE_SIZE: '6TiB' }, /the largest object that S3 accepts/],
    [{ PARTWAY_STORAGE: 's3://bucket', PARTWAY_SPOOL_SIZE: '512MiB' }, /parts of 1073741824 bytes/],
    [{ PARTWAY_SPOOL_SIZE: '1MiB' }, /PARTWAY_SPOOL_SIZE=1MiB/],
  ] as const) {
    assert.throws(() => readConfig(given), problem);
  }
});

test('a signing key is a file with 32 bytes in hex that other users cannot read', () => {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-config-')));
  const writeKey = (name: string, text: string, mode: number) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode });
    return { PARTWAY_SIGNING_KEY_FILE: path };
  };
  const hex = createHash('sha256').update('a signing key').digest('hex');
  assert.equal(readConfig(writeKey('good', `${hex}\n`, 0o640)).signingKey?.toString('hex'), hex);
  assert.throws(() => readConfig(writeKey('open', hex, 0o644)), /all users of this machine can access the file/);
  for (const text of ['', hex.slice(1), `${hex}00`, `${hex}\n${hex}`]) {
    assert.throws(() => readConfig(writeKey(`bad-${text.length}`, text, 0o600)), /does not contain a key/);
  }
  for (const digits of ['0', 'ab', '0123456789abcdef']) {
    const guessable = digits.repeat(64 / digits.length);
    assert.throws(() => readConfig(writeKey(`weak-${digits}`, guessable, 0o600)), /could be guessed/);
  }
});

test('every limit has a default, can be set, and is rejected outside its range', () => {
  assert.deepEqual(readConfig({}).limits, DEFAULT_LIMITS);
  for (const { limit, env, min, max } of LIMIT_SETTINGS) {
    for (const value of [min, max]) assert.equal(readConfig({ [env]: String(value) }).limits[limit], value, env);
    for (const value of [min - 1, max + 1]) {
      assert.throws(
        () => readConfig({ [env]: String(value) }),
        (error) => String(error).includes(`${env}=${value}: must be `),
      );
    }
  }
});

test('with the default limits every sum of bytes is exact, even for a user with the most open sessions', () => {
  const { reservedBytes } = DEFAULT_LIMITS;
  assert.ok(reservedBytes <= 2 ** 50);
  assert.ok(Math.max(...LIMIT_SETTINGS.filter(({ kind }) => kind === 'bytes').map(({ max }) => max)) < 2 ** 53);
});
