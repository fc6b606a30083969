import { escapeControl } from '../output/text.ts';

/** What errors of the system and of SQLite hold beside their message. */
export interface SystemError extends NodeJS.ErrnoException {
  address?: string;
  port?: number;
  /** SQLite's result code. */
  errcode?: number;
}

/** What happened to a file or folder, by the system's name of the trouble, and what to do. */
const FILES: Record<string, (path: string) => string> = {
  ENOENT: (path) => `${path} is not there.`,
  ENOTDIR: (path) => `${path} is not there: a part of its path is a file, not a folder.`,
  EISDIR: (path) => `${path} is a folder, not a file.`,
  EEXIST: (path) => `${path} is there already. Move it away, or give another place.`,
  ENOTEMPTY: (path) => `${path} is there already and is not empty. Move it away, or give another place.`,
  EACCES: (path) =>
    `${path} may not be read or written by this user. Change its permissions, or run this as its owner.`,
  EPERM: (path) => `${path} may not be read or written by this user. Change its permissions, or run this as its owner.`,
  ENAMETOOLONG: (path) => `${path} is longer than names may be here. Give a shorter one.`,
  ELOOP: (path) => `${path} leads in a circle of links.`,
  ENOSPC: (path) => `The disk is full: ${path} could not be written. Make room, then run the command again.`,
  EDQUOT: (path) =>
    `Your quota on this disk is used up: ${path} could not be written. Make room, then run the command again.`,
  EFBIG: (path) => `${path} would be larger than files may be here.`,
  EROFS: (path) => `${path} is on a disk that may only be read. Give another place.`,
  EBUSY: (path) => `${path} is in use by another program. End that, then run the command again.`,
  ETXTBSY: (path) => `${path} is a program that is running. End that, then run the command again.`,
  EIO: (path) => `The disk failed at ${path}. Look into the system’s log (dmesg), and at the disk’s health.`,
  ESTALE: (path) => `${path} is on a network disk that has forgotten it. Mount that again, then run the command again.`,
};

/** The same where it is no matter of one file. */
const ANYWHERE: Record<string, string> = {
  ENOSPC: 'The disk is full. Make room, then run the command again.',
  EDQUOT: 'Your quota on the disk is used up. Make room, then run the command again.',
  EROFS: 'The disk may only be read. Give another place.',
  EIO: 'The disk failed. Look into the system’s log (dmesg), and at the disk’s health.',
  EMFILE: 'This process has too many files and connections open. Raise the limit (ulimit -n 4096), then run it again.',
  ENFILE: 'The system has too many files open. End other programs, then run the command again.',
  ENOMEM: 'The system has no memory left. End other programs, then run the command again.',
  EPIPE: 'Nobody reads what this command prints any more.',
};

/** SQLite's primary result codes. */
const SQLITE: Record<number, string> = {
  5: 'Another process holds the database. End it, or run the command again in a moment.',
  6: 'Another process holds the database. End it, or run the command again in a moment.',
  8: 'The database may only be read. Look at the permissions of the data folder.',
  10: 'The disk failed at the database. Look into the system’s log (dmesg), and at the disk’s health.',
  11: 'The database is damaged. Stop the server, keep a copy of the data folder, and restore the last backup (docs/operate/backup-and-restore.md).',
  13: 'The disk is full: the database could not be written. Make room, then run the command again.',
  14: 'The database cannot be opened. Look at the permissions of the data folder.',
  26: 'The file partway.sqlite is not a database. Stop the server, keep a copy of the data folder, and restore the last backup (docs/operate/backup-and-restore.md).',
};

const SAID: [string, number][] = [
  ['database is locked', 5],
  ['attempt to write a readonly database', 8],
  ['disk I/O error', 10],
  ['database disk image is malformed', 11],
  ['database or disk is full', 13],
  ['unable to open database file', 14],
  ['file is not a database', 26],
];

/** In words, with what to do; undefined for what is no error of the system. */
export function explainSystem(error: SystemError): string | undefined {
  const { code = '', path, syscall } = error;
  if (syscall === 'listen') return explainListening(error);
  const result = sqliteResult(error);
  if (result !== undefined) return SQLITE[result];
  if (code.startsWith('ERR_OSSL_')) {
    return `The certificate or its key cannot be read (${escapeControl(error.message)}). PARTWAY_TLS_CERT and PARTWAY_TLS_KEY name PEM files: the certificate with its chain, and the key that belongs to it.`;
  }
  if (path !== undefined && FILES[code] !== undefined) return FILES[code](escapeControl(path));
  return ANYWHERE[code];
}

/** SQLite's primary result code, of an error or of what caused it. */
function sqliteResult(error: SystemError): number | undefined {
  if (error.errcode !== undefined) return error.errcode & 0xff;
  // An error that came from another thread has its message only.
  const said = SAID.find(([text]) => error.message.endsWith(text));
  if (said !== undefined) return said[1];
  return error.cause instanceof Error ? sqliteResult(error.cause) : undefined;
}

function explainListening({ code, address = '', port }: SystemError): string | undefined {
  const where = port === undefined ? address : `${address}:${port}`;
  const choose = 'choose another with --listen (PARTWAY_LISTEN)';
  switch (code) {
    case 'EADDRINUSE':
      return `${where} is in use by another program, perhaps another Partway: stop that, or ${choose}.`;
    case 'EACCES':
    case 'EPERM':
      return `This user may not listen on ${where}, as ports below 1024 are for root: ${choose}, such as 127.0.0.1:4400.`;
    case 'EADDRNOTAVAIL':
      return `This machine has no address ${address}: ${choose}; 0.0.0.0 stands for all that it has.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The name ${address} is unknown here: ${choose}, by an address such as 127.0.0.1:4400.`;
    default:
      return undefined;
  }
}
