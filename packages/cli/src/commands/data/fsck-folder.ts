import type { Config } from '@partway/server/config/config';
import { FolderInUse, lockFolder } from '@partway/server/data-folder/lock';
import type { Tables } from '@partway/server/database/schema';
import { estimateBytes } from '@partway/server/fsck/blobs';
import type { Finding, Found } from '@partway/server/fsck/findings';
import { fsck } from '@partway/server/fsck/fsck';
import type { Kysely } from 'kysely';
import { EXIT, Failure } from '../../exit-codes.ts';
import type { FsckReport } from './fsck-report.ts';
import { withDatabase } from './with-database.ts';
import { type StorageUse, withStorage } from './with-storage.ts';

export interface FsckOptions {
  repair: boolean;
  /** The operator confirms that no node is running. With a shared database, the folder's lock does not show that. */
  allStopped: boolean;
  report: FsckReport;
}

/**
 * Checks the blobs of a data folder and the database rows that refer to them. With `repair`, locks the folder and repairs
 * what it can.
 * @returns The number of problems that remain.
 */
export function checkDataFolder(config: Config, { repair, allStopped, report }: FsckOptions): Promise<number> {
  const { dataFolder, database, orphanGrace, orphanRetention } = config;
  if (repair && database !== undefined && !allStopped) {
    throw new Failure(
      EXIT.usage,
      'Other nodes may be using this database, which fsck cannot detect. Stop all nodes, then add --all-stopped.',
    );
  }
  const check = async (db: Kysely<Tables>, { blobs, clock }: StorageUse) => {
    const unlock = repair ? lockForRepair(dataFolder) : () => {};
    try {
      let remaining = 0;
      report.begin(await estimateBytes(db));
      const checked = await fsck({
        db,
        blobs,
        clock,
        grace: orphanGrace,
        retention: orphanRetention,
        read: (bytes) => report.read(bytes),
        async found(found) {
          const finding = await toFinding(found, repair);
          if (finding.repaired !== true) remaining += 1;
          report.finding(finding);
        },
      });
      report.end(checked);
      return remaining;
    } finally {
      unlock();
    }
  };
  return withDatabase(config, (db) => withStorage(config, db, (use) => check(db, use)));
}

async function toFinding({ repair: repairProblem, ...found }: Found, repair: boolean): Promise<Finding> {
  if (repairProblem === undefined || !repair) return { ...found, repairable: repairProblem !== undefined };
  return { ...found, repairable: true, repaired: await repairProblem() };
}

function lockForRepair(folder: string): () => void {
  try {
    return lockFolder(folder);
  } catch (error) {
    if (!(error instanceof FolderInUse)) throw error;
    throw new Failure(
      EXIT.failed,
      `${error.message.split('. ')[0]}. Stop the server before you repair. Without --repair, fsck can run next to it.`,
      { cause: error },
    );
  }
}
