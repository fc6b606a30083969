import { parseBytes } from './config/parse.ts';
import { DomainError, type DomainErrorCode } from './errors.ts';

/** Limits per user and per request. docs/operate/limits.md gives the reason for each limit and its default. */
export interface Limits {
  /** Open upload sessions per user. */
  sessions: number;
  /** Total file size of the open upload sessions of one user, in bytes. */
  reservedBytes: number;
  /** Folders and file versions per user, including the trash. Each version of a file counts. */
  items: number;
  /** Files and folders in one copy; also folders below a folder that is moved deeper or restored. */
  copyItems: number;
  /** Nested folders: an item in the root folder has a depth of 1. */
  depth: number;
  /** Size of the entries in one page of a list, in bytes. A page always has at least one entry. */
  listBytes: number;
}

interface LimitSetting {
  limit: keyof Limits;
  env: `PARTWAY_MAX_${string}`;
  value: string;
  default: string;
  help: string;
  kind: 'bytes' | 'count';
  min: number;
  max: number;
  /** The error for a request that exceeds the limit; undefined if the limit shortens a response instead. */
  code: DomainErrorCode | undefined;
}

/** The settings of all limits. */
export const LIMIT_SETTINGS = [
  {
    limit: 'sessions',
    env: 'PARTWAY_MAX_SESSIONS',
    kind: 'count',
    min: 1,
    max: 1_000_000,
    value: 'number',
    default: '10000',
    code: 'limit-exceeded',
    help: 'open upload sessions per user',
  },
  {
    limit: 'reservedBytes',
    env: 'PARTWAY_MAX_RESERVED',
    kind: 'bytes',
    min: 1,
    max: 2 ** 52,
    value: 'bytes',
    default: '1024TiB',
    code: 'quota-exceeded',
    help: 'total size of the open upload sessions of one user',
  },
  {
    limit: 'items',
    env: 'PARTWAY_MAX_ITEMS',
    kind: 'count',
    min: 1,
    max: 1_000_000_000,
    value: 'number',
    default: '10000000',
    code: 'quota-exceeded',
    help: 'folders and file versions per user, including the trash',
  },
  {
    limit: 'copyItems',
    env: 'PARTWAY_MAX_COPY_ITEMS',
    kind: 'count',
    min: 1,
    max: 10_000_000,
    value: 'number',
    default: '100000',
    code: 'limit-exceeded',
    help: 'files and folders in one copy, and folders that one move can push deeper',
  },
  {
    limit: 'depth',
    env: 'PARTWAY_MAX_DEPTH',
    kind: 'count',
    min: 1,
    max: 1000,
    value: 'number',
    default: '100',
    code: 'limit-exceeded',
    help: 'nested folders; deeper folders that already exist can still be read, moved up and deleted',
  },
  {
    limit: 'listBytes',
    env: 'PARTWAY_MAX_LIST_BYTES',
    kind: 'bytes',
    min: 64 * 1024,
    max: 2 ** 30,
    value: 'bytes',
    default: '2MiB',
    code: undefined,
    help: 'bytes per page of a list; a longer page ends early, and its limit field says so',
  },
] as const satisfies readonly LimitSetting[];

/** The limits that apply if no setting changes them. */
export const DEFAULT_LIMITS: Readonly<Limits> = mapLimits(({ default: text, kind }) =>
  kind === 'bytes' ? parseBytes(text) : Number(text),
) as Limits;

/** An object with the result of `read` for each limit. */
export function mapLimits<T>(read: (setting: (typeof LIMIT_SETTINGS)[number]) => T): Record<keyof Limits, T> {
  return Object.fromEntries(LIMIT_SETTINGS.map((setting) => [setting.limit, read(setting)])) as Record<keyof Limits, T>;
}

/** The error for a request that exceeds a limit. `message` says what exceeds it and what the user can do. */
export function limitReached(
  limit: Exclude<keyof Limits, 'listBytes'>,
  message: string,
  context: Record<string, unknown> = {},
): DomainError {
  const setting = LIMIT_SETTINGS.find((one) => one.limit === limit);
  if (setting?.code === undefined) throw new Error(`the limit ${limit} has no error code`);
  return new DomainError(setting.code, message, { context: { limit: setting.env, ...context } });
}
