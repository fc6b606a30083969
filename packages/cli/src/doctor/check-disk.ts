import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { formatBytes } from '../output/quantities.ts';
import type { Diagnosis } from './diagnosis.ts';

const LEAST_BYTES = 200 * 1024 * 1024;
const FEW_BYTES = 5 * 1024 ** 3;
const FEW_FILES = 0.05;

/** Room in a data folder, and what kind of file system it is. `figures` is what statfs gives. */
export async function checkDisk(folder: string, figures?: StatsFs): Promise<Diagnosis[]> {
  const { type, bavail, bsize, blocks, files, ffree } = figures ?? (await statfs(folder));
  const [free, all] = [bavail * bsize, blocks * bsize];
  const found: Diagnosis[] = [];

  const { name, trouble } = fileSystemOf(type);
  if (trouble === undefined) found.push({ check: 'disk', state: 'ok', message: `${folder} is on ${name}` });
  else
    found.push({ check: 'disk', state: trouble.state, message: `${folder} is on ${name}`, remedy: `${trouble.why}.` });

  const room = `${formatBytes(free)} of ${formatBytes(all)} are free`;
  const remedy =
    'Uploads are refused with 507 once it is full: make room (docs/operate/disk-and-database.md lists what frees space).';
  if (free < LEAST_BYTES) found.push({ check: 'disk', state: 'fail', message: room, remedy });
  else if (free < FEW_BYTES) found.push({ check: 'disk', state: 'warn', message: room, remedy });
  else found.push({ check: 'disk', state: 'ok', message: room });

  // Some file systems have no fixed number of files, and say 0.
  if (files > 0 && ffree / files < FEW_FILES) {
    const message = `${ffree} of ${files} files are left`;
    found.push({ check: 'disk', state: 'warn', message, remedy: 'Each content is a file: make room for more inodes.' });
  }
  return found;
}

/** What a file system is worth for a data folder. */
interface FileSystem {
  name: string;
  /** Why it is not one to keep data on; undefined for one that keeps what it has synced. */
  trouble?: { state: 'warn' | 'fail'; why: string };
}

const NETWORK = {
  state: 'fail',
  why: 'locks and syncs over a network depend on settings at both ends; use a local disk',
} as const;
const VOLATILE = { state: 'fail', why: 'it is memory: everything in it is gone after a restart' } as const;
const UNKNOWN_BELOW = {
  state: 'warn',
  why: 'what lies below it decides whether synced bytes stay; use a volume or a local disk',
} as const;

/** By the number that statfs(2) gives, as in the kernel's include/uapi/linux/magic.h and statfs(2). */
const BY_MAGIC: Record<number, FileSystem> = {
  61267: { name: 'ext4' },
  1481003842: { name: 'XFS' },
  2435016766: { name: 'Btrfs' },
  801189825: { name: 'ZFS' },
  4076150800: { name: 'F2FS' },
  3393526350: { name: 'bcachefs' },
  16914836: { name: 'tmpfs', trouble: VOLATILE },
  2240043254: { name: 'ramfs', trouble: VOLATILE },
  26985: { name: 'NFS', trouble: NETWORK },
  4283649346: { name: 'CIFS', trouble: NETWORK },
  4266872130: { name: 'SMB2', trouble: NETWORK },
  12805120: { name: 'CephFS', trouble: NETWORK },
  16914839: { name: '9p', trouble: UNKNOWN_BELOW },
  1702057286: { name: 'FUSE', trouble: UNKNOWN_BELOW },
  2035054128: {
    name: 'overlayfs',
    trouble: { ...UNKNOWN_BELOW, why: 'a container’s own layer goes with the container; use a volume' },
  },
  19780: { name: 'FAT', trouble: { state: 'fail', why: 'it has no modes and no large files; use ext4 or XFS' } },
};

/** The file system behind a number of statfs. */
function fileSystemOf(magic: number): FileSystem {
  return (
    BY_MAGIC[magic] ?? {
      name: `an unknown file system (0x${magic.toString(16)})`,
      trouble: { state: 'warn', why: 'nobody has tried it; ext4, XFS, Btrfs and ZFS are known to keep what they sync' },
    }
  );
}
