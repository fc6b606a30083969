import { parseBytes } from './config/parse.ts';
import { DomainError, type DomainErrorCode } from './errors.ts';

/** What one user may have and one request may take. docs/operate/limits.md says what each bounds and why it has its default. */
export interface Limits {
  /** Upload sessions of one user that are open at the same time. */
  sessions: number;
  /** Bytes that all open upload sessions of one user may come to. */
  reservedBytes: number;
  /** Folders and versions of files of one user, also in the trash. A file counts as many times as it has versions. */
  items: number;
  /** Files and folders that one copy takes; folders below one that moves, is restored or goes deeper. */
  copyItems: number;
  /** Folders between the root and an item: an item in the root folder has a depth of 1. */
  depth: number;
  /** Bytes of entries in one page of a list. A page has at least one entry. */
  listBytes: number;
}

interface LimitSetting {
  limit: keyof Limits;
  env: `PARTWAY_MAX_${string}`;
  value: string;
  preset: string;
  help: string;
  kind: 'bytes' | 'count';
  least: number;
  most: number;
  /** The refusal of what would pass it; undefined for a limit that shortens an answer instead. */
  code: DomainErrorCode | undefined;
}

/** The settings of all limits, with what refuses a request that would pass one. */
export const LIMIT_SETTINGS = [
  {
    limit: 'sessions',
    env: 'PARTWAY_MAX_SESSIONS',
    kind: 'count',
    least: 1,
    most: 1_000_000,
    value: 'number',
    preset: '10000',
    code: 'limit-exceeded',
    help: 'open upload sessions per user',
  },
  {
    limit: 'reservedBytes',
    env: 'PARTWAY_MAX_RESERVED',
    kind: 'bytes',
    least: 1,
    most: 2 ** 52,
    value: 'bytes',
    preset: '1024TiB',
    code: 'quota-exceeded',
    help: 'total size of the open upload sessions of one user',
  },
  {
    limit: 'items',
    env: 'PARTWAY_MAX_ITEMS',
    kind: 'count',
    least: 1,
    most: 1_000_000_000,
    value: 'number',
    preset: '10000000',
    code: 'quota-exceeded',
    help: 'folders and file versions per user, including the trash',
  },
  {
    limit: 'copyItems',
    env: 'PARTWAY_MAX_COPY_ITEMS',
    kind: 'count',
    least: 1,
    most: 10_000_000,
    value: 'number',
    preset: '100000',
    code: 'limit-exceeded',
    help: 'files and folders in one copy, and folders that one move can push deeper',
  },
  {
    limit: 'depth',
    env: 'PARTWAY_MAX_DEPTH',
    kind: 'count',
    least: 1,
    most: 1000,
    value: 'number',
    preset: '100',
    code: 'limit-exceeded',
    help: 'nested folders; deeper folders that already exist can still be read, moved up and deleted',
  },
  {
    limit: 'listBytes',
    env: 'PARTWAY_MAX_LIST_BYTES',
    kind: 'bytes',
    least: 64 * 1024,
    most: 2 ** 30,
    value: 'bytes',
    preset: '2MiB',
    code: undefined,
    help: 'bytes per page of a list; a longer page ends early, and its limit field says so',
  },
] as const satisfies readonly LimitSetting[];

/** The limits of a server that sets none. */
export const DEFAULT_LIMITS: Readonly<Limits> = limitsOf(({ preset, kind }) =>
  kind === 'bytes' ? parseBytes(preset) : Number(preset),
) as Limits;

/** Limits by their names, each as `read` gives it. */
export function limitsOf<T>(read: (setting: (typeof LIMIT_SETTINGS)[number]) => T): Record<keyof Limits, T> {
  return Object.fromEntries(LIMIT_SETTINGS.map((setting) => [setting.limit, read(setting)])) as Record<keyof Limits, T>;
}

/** The refusal of a request that would pass a limit. `message` says what is too much, and what to do. */
export function limitReached(
  limit: Exclude<keyof Limits, 'listBytes'>,
  message: string,
  context: Record<string, unknown> = {},
): DomainError {
  const setting = LIMIT_SETTINGS.find((one) => one.limit === limit);
  if (setting?.code === undefined) throw new Error(`no refusal for the limit ${limit}`);
  return new DomainError(setting.code, message, { context: { limit: setting.env, ...context } });
}
