import { LIMIT_SETTINGS } from '../limits.ts';

/** One setting: its environment variable, which determines its flag, and its description. */
type Setting = {
  env: `PARTWAY_${string}`;
  value: string;
  help: string;
} & ({ default: string } | { /** Describes what applies if the setting is not set. */ defaultText: string });

/** All settings. The help of `partway serve` and docs/operate/settings.md are generated from them. */
export const SETTINGS = [
  {
    env: 'PARTWAY_LISTEN',
    value: 'host:port',
    help: 'address to listen on; port 0 picks a free port',
    default: '127.0.0.1:4400',
  },
  { env: 'PARTWAY_DATA', value: 'folder', help: 'folder for files, database and secrets', default: './data' },
  {
    env: 'PARTWAY_DATABASE',
    value: 'url',
    help: 'PostgreSQL database for metadata, such as postgres://user@host/name',
    defaultText: 'SQLite in the data folder',
  },
  {
    env: 'PARTWAY_DATABASE_POOL',
    value: 'number',
    help: 'maximum number of PostgreSQL connections for requests; each node opens a few more for itself',
    default: '10',
  },
  {
    env: 'PARTWAY_STORAGE',
    value: 's3://bucket/prefix',
    help: 'S3 bucket for file contents',
    defaultText: 'the data folder',
  },
  {
    env: 'PARTWAY_S3_ENDPOINT',
    value: 'url',
    help: "S3-compatible endpoint; region and credentials come from the AWS SDK's variables",
    defaultText: 'AWS',
  },
  {
    env: 'PARTWAY_S3_PATH_STYLE',
    value: 'yes|no',
    help: 'put the bucket name into the path of S3 URLs instead of the host name',
    defaultText: 'yes with an endpoint, otherwise no',
  },
  {
    env: 'PARTWAY_S3_MIN_PART_SIZE',
    value: 'bytes',
    help: 'minimum part size that the S3 store accepts',
    default: '5MiB',
  },
  {
    env: 'PARTWAY_SPOOL_SIZE',
    value: 'bytes',
    help: 'disk space in the data folder for parts on their way to S3',
    default: '4GiB',
  },
  { env: 'PARTWAY_TOKEN', value: 'token', help: 'developer token', defaultText: 'generated at the first start' },
  {
    env: 'PARTWAY_SIGNING_KEY_FILE',
    value: 'file',
    help: 'file with the key that signs download URLs; all nodes need the same key',
    defaultText: 'generated at the first start',
  },
  {
    env: 'PARTWAY_PUBLIC_URL',
    value: 'url',
    help: 'scheme and host that clients use, if a proxy is in front',
    defaultText: 'as in the request',
  },
  {
    env: 'PARTWAY_TLS_CERT',
    value: 'file',
    help: 'certificate chain (PEM); enables HTTPS together with the key',
    defaultText: 'plain HTTP',
  },
  { env: 'PARTWAY_TLS_KEY', value: 'file', help: 'private key (PEM)', defaultText: 'plain HTTP' },
  {
    env: 'PARTWAY_TRUSTED_PROXIES',
    value: 'list',
    help: 'comma-separated addresses or networks trusted to set X-Forwarded-* headers',
    defaultText: 'none',
  },
  {
    env: 'PARTWAY_CORS_ORIGINS',
    value: 'list',
    help: 'comma-separated web origins that may call the API from a browser; * allows all',
    default: '*',
  },
  {
    env: 'PARTWAY_DOWNLOADS',
    value: 'redirect|direct',
    help: 'answer downloads with a redirect to a signed URL, or directly with the bytes',
    default: 'redirect',
  },
  {
    env: 'PARTWAY_PART_SIZE',
    value: 'bytes',
    help: 'part size, a power of two from 64 KiB to 1 GiB',
    defaultText: 'by file size, from 8 MiB',
  },
  {
    env: 'PARTWAY_MIN_SESSION_SIZE',
    value: 'bytes',
    help: 'smallest file that can be uploaded in parts',
    default: '20000000',
  },
  { env: 'PARTWAY_MAX_FILE_SIZE', value: 'bytes', help: 'largest file', default: '5TiB' },
  {
    env: 'PARTWAY_USER_QUOTA',
    value: 'bytes',
    help: 'default quota for users without their own',
    defaultText: 'no limit',
  },
  {
    env: 'PARTWAY_RATE_LIMIT',
    value: 'number',
    help: 'API requests per user per minute, excluding stored parts',
    defaultText: 'no limit',
  },
  {
    env: 'PARTWAY_UPLOAD_RATE_LIMIT',
    value: 'number',
    help: 'uploads started per user per minute',
    defaultText: 'no limit',
  },
  ...LIMIT_SETTINGS,
  { env: 'PARTWAY_SESSION_TTL', value: 'time', help: 'lifetime of an upload session', default: '7d' },
  {
    env: 'PARTWAY_SWEEP_INTERVAL',
    value: 'time',
    help: 'interval of the background jobs, such as ending expired sessions and garbage collection',
    default: '1m',
  },
  {
    env: 'PARTWAY_TRASH_RETENTION',
    value: 'time|off',
    help: 'how long items and versions stay in the trash before they are deleted permanently; off: until somebody deletes them',
    default: '30d',
  },
  {
    env: 'PARTWAY_ORPHAN_GRACE',
    value: 'time',
    help: 'minimum age of bytes without a database row before they count as orphans',
    default: '1h',
  },
  {
    env: 'PARTWAY_ORPHAN_RETENTION',
    value: 'time',
    help: 'how long orphans are kept after they are found',
    default: '7d',
  },
  {
    env: 'PARTWAY_SHUTDOWN_DELAY',
    value: 'time',
    help: 'time after SIGTERM during which /readyz answers 503 but requests are still accepted',
    default: '0s',
  },
  {
    env: 'PARTWAY_SHUTDOWN_GRACE',
    value: 'time',
    help: 'time for requests in progress to finish at shutdown',
    default: '30s',
  },
  {
    env: 'PARTWAY_BODY_TIMEOUT',
    value: 'time',
    help: 'close a connection whose request body arrives at less than 1 KiB/s for this long',
    default: '60s',
  },
  {
    env: 'PARTWAY_RESPONSE_TIMEOUT',
    value: 'time',
    help: 'close a connection whose client reads a response at less than 1 KiB/s for this long',
    default: '60s',
  },
  {
    env: 'PARTWAY_MAX_PIPELINED',
    value: 'number',
    help: 'requests that a client can send ahead on one connection; the server handles one at a time',
    default: '256',
  },
  {
    env: 'PARTWAY_BUFFERS',
    value: 'bytes',
    help: 'memory for uploads that wait for the disk, and the same amount again for downloads',
    default: '32MiB',
  },
  {
    env: 'PARTWAY_MAX_CONNECTIONS',
    value: 'number',
    help: 'maximum number of connections; more are closed immediately',
    default: '10000',
  },
  {
    env: 'PARTWAY_HASH_THREADS',
    value: 'number',
    help: 'threads that write and hash parts and hash whole files',
    defaultText: 'one for each core; 1 without the native module',
  },
  {
    env: 'PARTWAY_NATIVE',
    value: 'off|chunks|fd',
    help: 'what native threads do: also receive parts and send downloads (fd), only write and hash (chunks), or nothing (off)',
    default: 'fd',
  },
  {
    env: 'PARTWAY_LOG',
    value: 'level',
    help: 'log level: silent, error, warn, info or debug; JSON lines on stderr',
    default: 'warn',
  },
] as const satisfies readonly Setting[];

export type SettingName = (typeof SETTINGS)[number]['env'];

/** Settings from environment variables or flags, not parsed yet. */
export type GivenSettings = Partial<Record<SettingName, string>>;

/** The default of a setting as text, for the help and the documentation. */
export function describeDefault(setting: Setting): string {
  return 'default' in setting ? setting.default : setting.defaultText;
}

/** The command-line flag of a setting: `--tls-cert` for PARTWAY_TLS_CERT. */
export function flagName(env: SettingName): string {
  return `--${env.slice('PARTWAY_'.length).toLowerCase().replaceAll('_', '-')}`;
}
