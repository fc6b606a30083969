import { readFileSync, statSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { resolve } from 'node:path';
import { trimSlashes } from '@partway/protocol/text';
import { type Limits, mapLimits } from '../limits.ts';
import { parseBytes, parseDuration } from './parse.ts';
import { type Environment, secretProblems } from './secret-problems.ts';
import { type GivenSettings, SETTINGS, type SettingName } from './settings.ts';
import { parseEndpoint, parseS3Url, type Storage, storageProblems } from './storage.ts';

/** All settings, checked and frozen. Sizes are in bytes, times in milliseconds. */
export interface Config {
  readonly listen: { readonly host: string; readonly port: number };
  readonly dataFolder: string;
  /** URL of a PostgreSQL database, including the password; undefined for SQLite in the data folder. */
  readonly database: string | undefined;
  /** Maximum number of PostgreSQL connections for requests. */
  readonly databasePool: number;
  readonly storage: Storage;
  /** The developer token; undefined to use the one in the data folder. */
  readonly token: string | undefined;
  /** Signs download URLs; 32 bytes. Undefined to use the key in the data folder. */
  readonly signingKey: Buffer | undefined;
  readonly publicUrl: string | undefined;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly trustedProxies: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly downloads: 'redirect' | 'direct';
  readonly partSize: number | undefined;
  readonly minSessionSize: number;
  readonly maxFileSize: number;
  readonly userQuota: number | undefined;
  readonly rateLimit: number | undefined;
  readonly uploadRateLimit: number | undefined;
  readonly limits: Readonly<Limits>;
  readonly sessionLifetime: number;
  readonly sweepInterval: number;
  /** Undefined: the trash is never emptied. */
  readonly trashRetention: number | undefined;
  readonly orphanGrace: number;
  readonly orphanRetention: number;
  readonly shutdownDelay: number;
  readonly shutdownGrace: number;
  readonly bodyTimeout: number;
  readonly responseTimeout: number;
  readonly maxPipelined: number;
  readonly bufferBytes: number;
  readonly maxConnections: number;
  /** Undefined: as many as cores for the native module, and one without it. */
  readonly hashThreads: number | undefined;
  readonly native: 'off' | 'chunks' | 'fd';
  readonly logLevel: string;
}

/** Settings that can contain a secret. Error messages do not show their values. */
const SECRETS: ReadonlySet<SettingName> = new Set(['PARTWAY_TOKEN', 'PARTWAY_DATABASE']);
/** 32 random bytes practically always have more distinct values than this. */
const MIN_DISTINCT_KEY_BYTES = 12;
/** Space for a few parts of 16 MiB. */
const MIN_SPOOL_SIZE: number = 64 * 1024 * 1024;

/** Lists everything that is wrong with the settings, and what each should be. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(`Partway cannot start with these settings:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/**
 * Parses and checks all settings. Throws one `ConfigError` with everything that is wrong.
 * @param environment Variables that the PostgreSQL and S3 libraries read for credentials.
 */
export function readConfig(given: GivenSettings, environment: Environment = process.env): Config {
  const problems: string[] = [];
  const defaults = Object.fromEntries(
    SETTINGS.map((setting) => [setting.env, 'default' in setting ? setting.default : undefined]),
  );

  function read<T>(env: SettingName, parse: (text: string) => T | undefined, requirement: string): T | undefined {
    const text = given[env] || defaults[env];
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === undefined) problems.push(`${env}${SECRETS.has(env) ? '' : `=${text}`}: must be ${requirement}`);
    return value;
  }
  const size = (env: SettingName, min = 0, max = Number.MAX_SAFE_INTEGER) => {
    const range = max < Number.MAX_SAFE_INTEGER ? `from ${min} to ${max}` : `of ${min} or more`;
    return read(
      env,
      (text) => checkRange(parseBytes(text), min, max),
      `a number of bytes ${range}, such as 20000000 or 64MiB`,
    );
  };
  const time = (env: SettingName, min = 0) =>
    read(
      env,
      (text) => checkRange(parseDuration(text), min, Number.MAX_SAFE_INTEGER),
      `a time${min > 0 ? ` of ${min}ms or more` : ''}, such as 30s, 15m, 12h or 7d`,
    );
  const count = (env: SettingName, max: number) =>
    read(
      env,
      (text) => (/^[0-9]+$/.test(text) ? checkRange(Number(text), 1, max) : undefined),
      `a whole number from 1 to ${max}`,
    );

  function readStorage(): Storage {
    const bucket = read('PARTWAY_STORAGE', parseS3Url, 's3://bucket or s3://bucket/prefix');
    const endpoint = read('PARTWAY_S3_ENDPOINT', parseEndpoint, 'http:// or https:// and a host, without a path');
    const pathStyle = read('PARTWAY_S3_PATH_STYLE', oneOf('yes', 'no'), 'yes or no');
    const spoolSize = size('PARTWAY_SPOOL_SIZE', MIN_SPOOL_SIZE);
    const minPartSize = size('PARTWAY_S3_MIN_PART_SIZE', 1);
    if (bucket === undefined || spoolSize === undefined || minPartSize === undefined) return { kind: 'disk' };
    const usesPathStyle = pathStyle === undefined ? endpoint !== undefined : pathStyle === 'yes';
    return { kind: 's3', ...bucket, endpoint, pathStyle: usesPathStyle, spoolSize, minPartSize };
  }

  function readTrashRetention(): number | undefined {
    if (given.PARTWAY_TRASH_RETENTION === 'off') return undefined;
    return read(
      'PARTWAY_TRASH_RETENTION',
      (text) => checkRange(parseDuration(text), 1, Number.MAX_SAFE_INTEGER),
      'a time such as 12h or 30d, or off',
    );
  }

  const config = {
    listen: read('PARTWAY_LISTEN', parseListen, 'host:port, such as 127.0.0.1:4400, [::1]:4400 or 0.0.0.0:443'),
    dataFolder: read(
      'PARTWAY_DATA',
      (text) => (text.includes('\uFFFD') ? undefined : resolve(text)),
      'a path in valid UTF-8; with this one, another folder would be created',
    ),
    database: read(
      'PARTWAY_DATABASE',
      parseDatabase,
      'postgres://user:password@host:5432/name; missing parts come from PGHOST, PGUSER, PGPASSWORD and so on',
    ),
    databasePool: count('PARTWAY_DATABASE_POOL', 1000),
    storage: readStorage(),
    token: read('PARTWAY_TOKEN', parseToken, 'letters, digits and -._~+/= without spaces'),
    signingKey: readSigningKey(given, problems),
    publicUrl: read(
      'PARTWAY_PUBLIC_URL',
      parsePublicUrl,
      'http:// or https:// and a host, with nothing after it but a path',
    ),
    tls: readTls(given, problems),
    trustedProxies:
      read(
        'PARTWAY_TRUSTED_PROXIES',
        parseNetworks,
        'comma-separated addresses or networks, such as 10.0.0.1,192.168.0.0/16',
      ) ?? [],
    corsOrigins:
      read('PARTWAY_CORS_ORIGINS', parseOrigins, 'comma-separated origins, such as https://app.example.com, or *') ??
      [],
    downloads: read('PARTWAY_DOWNLOADS', oneOf('redirect', 'direct'), 'redirect or direct'),
    partSize: read('PARTWAY_PART_SIZE', parsePartSize, 'a power of two from 65536 (64KiB) to 1073741824 (1GiB)'),
    minSessionSize: size('PARTWAY_MIN_SESSION_SIZE'),
    maxFileSize: size('PARTWAY_MAX_FILE_SIZE', 1),
    userQuota: size('PARTWAY_USER_QUOTA'),
    rateLimit: count('PARTWAY_RATE_LIMIT', 1_000_000),
    uploadRateLimit: count('PARTWAY_UPLOAD_RATE_LIMIT', 1_000_000),
    limits: mapLimits(({ env, kind, min, max }) => (kind === 'bytes' ? size(env, min, max) : count(env, max))),
    sessionLifetime: time('PARTWAY_SESSION_TTL', 1),
    sweepInterval: time('PARTWAY_SWEEP_INTERVAL', 10),
    trashRetention: readTrashRetention(),
    orphanGrace: time('PARTWAY_ORPHAN_GRACE'),
    orphanRetention: time('PARTWAY_ORPHAN_RETENTION'),
    shutdownDelay: time('PARTWAY_SHUTDOWN_DELAY'),
    shutdownGrace: time('PARTWAY_SHUTDOWN_GRACE'),
    bodyTimeout: time('PARTWAY_BODY_TIMEOUT', 100),
    responseTimeout: time('PARTWAY_RESPONSE_TIMEOUT', 100),
    maxPipelined: count('PARTWAY_MAX_PIPELINED', 10_000),
    bufferBytes: size('PARTWAY_BUFFERS', 1024 * 1024),
    maxConnections: count('PARTWAY_MAX_CONNECTIONS', 1_000_000),
    hashThreads: count('PARTWAY_HASH_THREADS', 64),
    native: read('PARTWAY_NATIVE', oneOf('off', 'chunks', 'fd'), 'off, chunks or fd'),
    logLevel: read(
      'PARTWAY_LOG',
      oneOf('silent', 'error', 'warn', 'info', 'debug'),
      'silent, error, warn, info or debug',
    ),
  };
  const { token, database, storage, publicUrl, trustedProxies } = config;
  const isOnS3 = storage.kind === 's3';
  const host = config.listen?.host;
  problems.push(...secretProblems({ token, database, isOnS3, host, publicUrl, trustedProxies }, environment));
  problems.push(...storageProblems(config.storage, config));
  if (problems.length > 0) throw new ConfigError(problems);
  // Every setting with a default has a value now, which the type does not express.
  return Object.freeze(config) as Config;
}

function parseListen(text: string): Config['listen'] | undefined {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) return undefined;
  return { host, port: Number(port) };
}

function parseDatabase(text: string): string | undefined {
  return /^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text) ? text : undefined;
}

/** RFC 6750, section 2.1. */
function parseToken(text: string): string | undefined {
  return /^[A-Za-z0-9\-._~+/=]{1,512}$/.test(text) ? text : undefined;
}

function parsePublicUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.search !== '' ||
    url.hash !== '' ||
    url.username !== ''
  ) {
    return undefined;
  }
  return trimSlashes(url.href);
}

function parseNetworks(text: string): string[] | undefined {
  const networks = text.split(',').map((entry) => entry.trim());
  return networks.every(isNetwork) ? networks : undefined;
}

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (prefix === undefined) return true;
  try {
    new BlockList().addSubnet(address, Number(prefix), family === 6 ? 'ipv6' : 'ipv4');
    return /^[0-9]+$/.test(prefix);
  } catch {
    return false;
  }
}

function parseOrigins(text: string): string[] | undefined {
  const origins = text.split(',').map((entry) => entry.trim());
  return origins.every((origin) => origin === '*' || (URL.canParse(origin) && new URL(origin).origin === origin))
    ? origins
    : undefined;
}

function parsePartSize(text: string): number | undefined {
  const bytes = parseBytes(text);
  if (bytes === undefined || bytes < 65_536 || bytes > 2 ** 30) return undefined;
  return Number.isInteger(Math.log2(bytes)) ? bytes : undefined;
}

function readTls(given: GivenSettings, problems: string[]): Config['tls'] {
  const { PARTWAY_TLS_CERT: certPath, PARTWAY_TLS_KEY: keyPath } = given;
  if (!certPath && !keyPath) return undefined;
  if (!certPath || !keyPath) {
    problems.push('PARTWAY_TLS_CERT and PARTWAY_TLS_KEY must be set together; set both, or neither for plain HTTP');
    return undefined;
  }
  const cert = readPem('PARTWAY_TLS_CERT', certPath, problems);
  const key = readPem('PARTWAY_TLS_KEY', keyPath, problems);
  return cert && key && { cert, key };
}

function readSigningKey({ PARTWAY_SIGNING_KEY_FILE: path }: GivenSettings, problems: string[]): Buffer | undefined {
  if (!path) return undefined;
  const report = (problem: string) => {
    problems.push(`PARTWAY_SIGNING_KEY_FILE=${path}: ${problem}`);
    return undefined;
  };
  try {
    if ((statSync(path).mode & 0o007) !== 0) {
      return report('all users of this machine can access the file; restrict it with: chmod o= FILE');
    }
    const text = readFileSync(path, 'utf8').trim();
    if (!/^[0-9a-f]{64}$/i.test(text)) {
      return report(
        'the file does not contain a key; generate one with: openssl rand -hex 32, or copy signing-key from a data folder',
      );
    }
    const key = Buffer.from(text, 'hex');
    if (new Set(key).size < MIN_DISTINCT_KEY_BYTES) {
      return report('the key could be guessed; generate one with: openssl rand -hex 32');
    }
    return key;
  } catch (error) {
    return report(describeUnreadable(error));
  }
}

function readPem(env: SettingName, path: string, problems: string[]): Buffer | undefined {
  try {
    const pem = readFileSync(path);
    if (pem.includes('-----BEGIN ')) return pem;
    problems.push(`${env}=${path}: the file is not in PEM format; convert it with openssl`);
  } catch (error) {
    problems.push(`${env}=${path}: ${describeUnreadable(error)}`);
  }
  return undefined;
}

function describeUnreadable(error: unknown): string {
  return `the file cannot be read (${(error as Error).message}); use a file that the server's user can read`;
}

function checkRange(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

function oneOf<const Choice extends string>(...choices: readonly Choice[]): (text: string) => Choice | undefined {
  return (text) => choices.find((choice) => choice === text);
}
