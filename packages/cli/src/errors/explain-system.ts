import { escapeControl } from '../output/text.ts';

/** An error of the system or of SQLite. */
export interface SystemError extends NodeJS.ErrnoException {
  address?: string;
  port?: number;
  /** SQLite's result code. */
  errcode?: number;
}

/** What happened to a file or folder and what to do, by the system's error code. */
const FILE_ERRORS: Record<string, (path: string) => string> = {
  ENOENT: (path) => `${path} does not exist.`,
  ENOTDIR: (path) => `${path} does not exist: part of its path is a file, not a folder.`,
  EISDIR: (path) => `${path} is a folder, not a file.`,
  EEXIST: (path) => `${path} already exists. Move it, or choose another path.`,
  ENOTEMPTY: (path) => `${path} already exists and is not empty. Move it, or choose another path.`,
  EACCES: (path) => `This user has no permission for ${path}. Change its permissions, or run the command as its owner.`,
  EPERM: (path) => `This user has no permission for ${path}. Change its permissions, or run the command as its owner.`,
  ENAMETOOLONG: (path) => `${path} is too long for this file system. Use a shorter name.`,
  ELOOP: (path) => `${path} is a circular symbolic link.`,
  ENOSPC: (path) => `The disk is full: ${path} could not be written. Free some space, then run the command again.`,
  EDQUOT: (path) =>
    `Your disk quota is used up: ${path} could not be written. Free some space, then run the command again.`,
  EFBIG: (path) => `${path} would exceed the maximum file size.`,
  EROFS: (path) => `${path} is on a read-only file system. Choose another path.`,
  EBUSY: (path) => `${path} is in use by another program. Stop that program, then run the command again.`,
  ETXTBSY: (path) => `${path} is a running program. Stop it, then run the command again.`,
  EIO: (path) => `The disk failed at ${path}. Check the system log (dmesg) and the health of the disk.`,
  ESTALE: (path) =>
    `${path} is on a network file system that no longer knows it. Remount it, then run the command again.`,
};

/** The same without a path. */
const GENERAL_ERRORS: Record<string, string> = {
  ENOSPC: 'The disk is full. Free some space, then run the command again.',
  EDQUOT: 'Your disk quota is used up. Free some space, then run the command again.',
  EROFS: 'The file system is read-only. Choose another path.',
  EIO: 'The disk failed. Check the system log (dmesg) and the health of the disk.',
  EMFILE:
    'This process has too many open files and connections. Raise the limit (ulimit -n 4096), then run the command again.',
  ENFILE: 'The system has too many open files. Stop other programs, then run the command again.',
  ENOMEM: 'The system is out of memory. Stop other programs, then run the command again.',
  EPIPE: 'The reader of the output has exited.',
};

/** SQLite's primary result codes. */
const SQLITE_ERRORS: Record<number, string> = {
  5: 'Another process has locked the database. Stop it, or run the command again in a moment.',
  6: 'Another process has locked the database. Stop it, or run the command again in a moment.',
  8: 'The database is read-only. Check the permissions of the data folder.',
  10: 'The disk failed at the database. Check the system log (dmesg) and the health of the disk.',
  11: 'The database is damaged. Stop the server, keep a copy of the data folder, and restore the last backup (docs/operate/backup-and-restore.md).',
  13: 'The disk is full: the database could not be written. Free some space, then run the command again.',
  14: 'The database cannot be opened. Check the permissions of the data folder.',
  26: 'The file partway.sqlite is not a database. Stop the server, keep a copy of the data folder, and restore the last backup (docs/operate/backup-and-restore.md).',
};

const SQLITE_MESSAGES: [string, number][] = [
  ['database is locked', 5],
  ['attempt to write a readonly database', 8],
  ['disk I/O error', 10],
  ['database disk image is malformed', 11],
  ['database or disk is full', 13],
  ['unable to open database file', 14],
  ['file is not a database', 26],
];

/** Explains an error of the system, with advice. Returns undefined for other errors. */
export function explainSystem(error: SystemError): string | undefined {
  const { code = '', path, syscall } = error;
  if (syscall === 'listen') return explainListening(error);
  const result = sqliteResult(error);
  if (result !== undefined) return SQLITE_ERRORS[result];
  if (code.startsWith('ERR_OSSL_')) {
    return `The certificate or its key cannot be read (${escapeControl(error.message)}). PARTWAY_TLS_CERT and PARTWAY_TLS_KEY must be PEM files: the certificate with its chain, and its key.`;
  }
  if (path !== undefined && FILE_ERRORS[code] !== undefined) return FILE_ERRORS[code](escapeControl(path));
  return GENERAL_ERRORS[code];
}

/** Returns SQLite's primary result code from an error or its cause. */
function sqliteResult(error: SystemError): number | undefined {
  if (error.errcode !== undefined) return error.errcode & 0xff;
  // Errors from another thread have only their message.
  const known = SQLITE_MESSAGES.find(([text]) => error.message.endsWith(text));
  if (known !== undefined) return known[1];
  return error.cause instanceof Error ? sqliteResult(error.cause) : undefined;
}

function explainListening({ code, address = '', port }: SystemError): string | undefined {
  const endpoint = port === undefined ? address : `${address}:${port}`;
  const advice = 'choose another address with --listen (PARTWAY_LISTEN)';
  switch (code) {
    case 'EADDRINUSE':
      return `${endpoint} is in use by another program, perhaps another Partway server. Stop it, or ${advice}.`;
    case 'EACCES':
    case 'EPERM':
      return `This user is not allowed to listen on ${endpoint}, because ports below 1024 are for root: ${advice}, such as 127.0.0.1:4400.`;
    case 'EADDRNOTAVAIL':
      return `This machine does not have the address ${address}: ${advice}. 0.0.0.0 means all addresses of the machine.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The host name ${address} is unknown: ${advice}, such as 127.0.0.1:4400.`;
    default:
      return undefined;
  }
}
