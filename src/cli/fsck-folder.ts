import { bytesToRead } from '../check/bytes-to-read.ts';
import { checkEverything } from '../check/check-everything.ts';
import type { Finding, Found } from '../check/finding.ts';
import type { Config } from '../config.ts';
import { openDiskStore } from '../content/disk.ts';
import { FolderInUse, lockFolder } from '../data/lock.ts';
import { EXIT, Failure } from './exit-codes.ts';
import type { FsckReport } from './fsck-report.ts';
import { withRows } from './with-rows.ts';

/**
 * Checks a data folder, and mends it where `repair` is set, with the folder locked.
 * @returns How many things are still wrong.
 */
export function checkDataFolder(
  config: Config,
  { repair, report }: { repair: boolean; report: FsckReport },
): Promise<number> {
  return withRows(config, async (db) => {
    const unlock = repair ? lockForRepair(config.dataFolder) : () => {};
    try {
      let left = 0;
      const content = await openDiskStore(config.dataFolder);
      report.begin(await bytesToRead(db));
      const checked = await checkEverything({
        db,
        content,
        now: Date.now,
        grace: config.orphanGrace,
        read: (bytes) => report.read(bytes),
        async found(found) {
          const finding = await findingOf(found, repair);
          if (finding.mended !== true) left += 1;
          report.finding(finding);
        },
      });
      report.end(checked);
      return left;
    } finally {
      unlock();
    }
  });
}

async function findingOf({ mend, ...found }: Found, repair: boolean): Promise<Finding> {
  if (mend === undefined || !repair) return { ...found, mendable: mend !== undefined };
  return { ...found, mendable: true, mended: await mend() };
}

function lockForRepair(folder: string): () => void {
  try {
    return lockFolder(folder);
  } catch (error) {
    if (!(error instanceof FolderInUse)) throw error;
    throw new Failure(
      EXIT.failed,
      `${error.message.split('. ')[0]}. Stop the server, then repair. Without --repair a check may run beside it.`,
      { cause: error },
    );
  }
}
