import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { formatBytes } from '../output/quantities.ts';
import type { Diagnosis } from './diagnosis.ts';

const MIN_BYTES = 200 * 1024 * 1024;
const LOW_BYTES = 5 * 1024 ** 3;
const LOW_INODES = 0.05;

/** Checks the free space of a data folder and the type of its file system. `figures`: the result of statfs. */
export async function checkDisk(folder: string, figures?: StatsFs): Promise<Diagnosis[]> {
  const { type, bavail, bsize, blocks, files, ffree } = figures ?? (await statfs(folder));
  const [free, total] = [bavail * bsize, blocks * bsize];
  const diagnoses: Diagnosis[] = [];

  const { name, problem } = findFileSystem(type);
  if (problem === undefined) diagnoses.push({ check: 'disk', state: 'ok', message: `${folder} is on ${name}` });
  else
    diagnoses.push({
      check: 'disk',
      state: problem.state,
      message: `${folder} is on ${name}`,
      remedy: problem.why,
    });

  const message = `${formatBytes(free)} of ${formatBytes(total)} free`;
  const remedy = 'If the disk is full, uploads fail with 507. Free some space (see docs/operate/disk-and-database.md).';
  if (free < MIN_BYTES) diagnoses.push({ check: 'disk', state: 'fail', message, remedy });
  else if (free < LOW_BYTES) diagnoses.push({ check: 'disk', state: 'warn', message, remedy });
  else diagnoses.push({ check: 'disk', state: 'ok', message });

  // Some file systems have no fixed number of inodes and report 0.
  if (files > 0 && ffree / files < LOW_INODES) {
    const message = `${ffree} of ${files} inodes free`;
    diagnoses.push({
      check: 'disk',
      state: 'warn',
      message,
      remedy: 'Each blob is a file. Free some inodes.',
    });
  }
  return diagnoses;
}

/** A file system, and whether it is suitable for a data folder. */
interface FileSystem {
  name: string;
  /** Why it is not suitable; undefined if it honors syncs. */
  problem?: { state: 'warn' | 'fail'; why: string };
}

const NETWORK = {
  state: 'fail',
  why: 'Locks and syncs over a network depend on settings at both ends. Use a local disk.',
} as const;
const VOLATILE = { state: 'fail', why: 'It is in memory: a restart deletes everything.' } as const;
const UNKNOWN_STORAGE = {
  state: 'warn',
  why: 'The underlying storage decides whether syncs are honored. Use a volume or a local disk.',
} as const;

/** File systems by the number that statfs(2) returns, from the kernel's include/uapi/linux/magic.h and statfs(2). */
const BY_MAGIC: Record<number, FileSystem> = {
  61267: { name: 'ext4' },
  1481003842: { name: 'XFS' },
  2435016766: { name: 'Btrfs' },
  801189825: { name: 'ZFS' },
  4076150800: { name: 'F2FS' },
  3393526350: { name: 'bcachefs' },
  16914836: { name: 'tmpfs', problem: VOLATILE },
  2240043254: { name: 'ramfs', problem: VOLATILE },
  26985: { name: 'NFS', problem: NETWORK },
  4283649346: { name: 'CIFS', problem: NETWORK },
  4266872130: { name: 'SMB2', problem: NETWORK },
  12805120: { name: 'CephFS', problem: NETWORK },
  16914839: { name: '9p', problem: UNKNOWN_STORAGE },
  1702057286: { name: 'FUSE', problem: UNKNOWN_STORAGE },
  2035054128: {
    name: 'overlayfs',
    problem: { ...UNKNOWN_STORAGE, why: 'The layer of a container is deleted with it. Use a volume.' },
  },
  19780: { name: 'FAT', problem: { state: 'fail', why: 'It has no permissions and no large files. Use ext4 or XFS.' } },
};

function findFileSystem(magic: number): FileSystem {
  return (
    BY_MAGIC[magic] ?? {
      name: `an unknown file system (0x${magic.toString(16)})`,
      problem: { state: 'warn', why: 'It is untested. ext4, XFS, Btrfs and ZFS are known to honor syncs.' },
    }
  );
}
