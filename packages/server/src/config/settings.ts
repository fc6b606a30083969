import { LIMIT_SETTINGS } from '../limits.ts';

/** One setting: its environment variable, from which its flag follows, and what the help says of it. */
interface Setting {
  env: `PARTWAY_${string}`;
  value: string;
  help: string;
  preset?: string;
}

export const SETTINGS = [
  {
    env: 'PARTWAY_LISTEN',
    value: 'host:port',
    help: 'address to listen on; port 0 takes a free one',
    preset: '127.0.0.1:4400',
  },
  { env: 'PARTWAY_DATA', value: 'folder', help: 'folder for bytes, rows and secrets', preset: './data' },
  {
    env: 'PARTWAY_DATABASE',
    value: 'url',
    help: 'a PostgreSQL database for the rows, as postgres://user@host/name; an SQLite file in the data folder where unset',
  },
  {
    env: 'PARTWAY_DATABASE_POOL',
    value: 'number',
    help: 'connections to PostgreSQL for requests, at most; a few more serve the node itself',
    preset: '10',
  },
  {
    env: 'PARTWAY_STORAGE',
    value: 's3://bucket/prefix',
    help: 'keep the bytes of files in a bucket; in the data folder where unset',
  },
  {
    env: 'PARTWAY_S3_ENDPOINT',
    value: 'url',
    help: "the S3 store to talk to; AWS where unset. Region and keys: the AWS SDK's variables",
  },
  {
    env: 'PARTWAY_S3_PATH_STYLE',
    value: 'yes|no',
    help: 'name the bucket in the path of addresses; yes where there is an endpoint, else no',
  },
  {
    env: 'PARTWAY_S3_MIN_PART_SIZE',
    value: 'bytes',
    help: 'the smallest part that the store takes',
    preset: '5MiB',
  },
  {
    env: 'PARTWAY_SPOOL_SIZE',
    value: 'bytes',
    help: 'room in the data folder for parts on their way to S3',
    preset: '4GiB',
  },
  { env: 'PARTWAY_TOKEN', value: 'token', help: "a fixed developer token, instead of the data folder's own" },
  {
    env: 'PARTWAY_SIGNING_KEY_FILE',
    value: 'file',
    help: "a key that signs download addresses, the same on all nodes, instead of the data folder's own",
  },
  { env: 'PARTWAY_PUBLIC_URL', value: 'url', help: 'scheme and host that clients use, where a proxy stands in front' },
  { env: 'PARTWAY_TLS_CERT', value: 'file', help: 'certificate chain as PEM; serves HTTPS together with the key' },
  { env: 'PARTWAY_TLS_KEY', value: 'file', help: 'private key as PEM' },
  {
    env: 'PARTWAY_TRUSTED_PROXIES',
    value: 'list',
    help: 'addresses or networks whose X-Forwarded-* headers count, by commas',
  },
  {
    env: 'PARTWAY_CORS_ORIGINS',
    value: 'list',
    help: 'web origins that may call from a browser, by commas; * for all',
    preset: '*',
  },
  {
    env: 'PARTWAY_DOWNLOADS',
    value: 'redirect|direct',
    help: 'answer a download with a signed address or with the bytes',
    preset: 'redirect',
  },
  {
    env: 'PARTWAY_PART_SIZE',
    value: 'bytes',
    help: 'part size, a power of two from 64 KiB to 1 GiB; chosen by file size where unset',
  },
  {
    env: 'PARTWAY_MIN_SESSION_SIZE',
    value: 'bytes',
    help: 'smallest file that an upload session takes',
    preset: '20000000',
  },
  { env: 'PARTWAY_MAX_FILE_SIZE', value: 'bytes', help: 'largest file', preset: '5TiB' },
  {
    env: 'PARTWAY_USER_QUOTA',
    value: 'bytes',
    help: 'how much a user may keep who has no quota of their own; no limit where unset',
  },
  {
    env: 'PARTWAY_RATE_LIMIT',
    value: 'number',
    help: 'calls a minute and user, stored parts of an upload not counted; no limit where unset',
  },
  {
    env: 'PARTWAY_UPLOAD_RATE_LIMIT',
    value: 'number',
    help: 'uploads begun a minute and user; no limit where unset',
  },
  ...LIMIT_SETTINGS,
  { env: 'PARTWAY_SESSION_TTL', value: 'time', help: 'how long an upload session lives', preset: '7d' },
  {
    env: 'PARTWAY_SWEEP_INTERVAL',
    value: 'time',
    help: 'how often ended sessions and orphaned bytes are looked for',
    preset: '1m',
  },
  {
    env: 'PARTWAY_ORPHAN_GRACE',
    value: 'time',
    help: 'how long bytes that nothing names are left alone',
    preset: '1h',
  },
  {
    env: 'PARTWAY_ORPHAN_RETENTION',
    value: 'time',
    help: 'how long bytes that no row explains are kept once they are found',
    preset: '7d',
  },
  {
    env: 'PARTWAY_SHUTDOWN_DELAY',
    value: 'time',
    help: 'how long /readyz says 503 after SIGTERM before the server takes nothing new',
    preset: '0s',
  },
  {
    env: 'PARTWAY_SHUTDOWN_GRACE',
    value: 'time',
    help: 'how long requests under way may go on after SIGTERM',
    preset: '30s',
  },
  {
    env: 'PARTWAY_BODY_TIMEOUT',
    value: 'time',
    help: 'a body that brings under 1 KiB a second for this long is cut',
    preset: '60s',
  },
  {
    env: 'PARTWAY_RESPONSE_TIMEOUT',
    value: 'time',
    help: 'a response of which the client takes under 1 KiB a second for this long is cut',
    preset: '60s',
  },
  {
    env: 'PARTWAY_MAX_PIPELINED',
    value: 'number',
    help: 'requests that a client may send ahead on one connection, which serves one at a time',
    preset: '256',
  },
  {
    env: 'PARTWAY_BUFFERS',
    value: 'bytes',
    help: 'memory for bodies on their way to the disk, over all uploads; as much again for downloads',
    preset: '32MiB',
  },
  {
    env: 'PARTWAY_MAX_CONNECTIONS',
    value: 'number',
    help: 'connections beyond this many are closed at once',
    preset: '10000',
  },
  { env: 'PARTWAY_DIGEST_THREADS', value: 'number', help: 'threads for the digests of whole files', preset: '1' },
  {
    env: 'PARTWAY_LOG',
    value: 'level',
    help: 'silent, error, warn, info or debug; JSON lines on stderr',
    preset: 'warn',
  },
] as const satisfies readonly Setting[];

export type SettingName = (typeof SETTINGS)[number]['env'];

/** What was given, as text, by environment variable or flag. */
export type GivenSettings = Partial<Record<SettingName, string>>;

/** `--tls-cert` for PARTWAY_TLS_CERT. */
export function flagOf(env: SettingName): string {
  return `--${env.slice('PARTWAY_'.length).toLowerCase().replaceAll('_', '-')}`;
}
