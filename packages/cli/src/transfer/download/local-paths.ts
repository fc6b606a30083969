import { lstat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { nameKey } from '@partway/protocol/names';
import { escapeControl } from '../../output/text.ts';
import { NameConflictError } from '../name-conflict-error.ts';

interface Claim {
  /** The remote path, for people. */
  label: string;
  /** The ID of the item on the server. */
  id: string;
  kind: 'file' | 'folder';
  target: string;
  /** Resolves when the item is downloaded or has failed. */
  done: Promise<unknown>;
}

/**
 * The local paths that a run downloads to. Two items must not overwrite each other, even if their names are the same only
 * for the file system (case, accented letters).
 */
export class LocalPaths {
  readonly #folders = new Map<string, Map<string, Claim>>();

  /**
   * Claims a path for an item. Resolves with a function to call when the item is downloaded or has failed.
   * @throws NameConflictError with both items if another item of the run has the path.
   */
  async claim(target: string, item: Pick<Claim, 'label' | 'id' | 'kind'>): Promise<() => void> {
    const folder = this.#folders.get(dirname(target)) ?? new Map<string, Claim>();
    this.#folders.set(dirname(target), folder);
    const key = nameKey(basename(target));
    const earlier = folder.get(key);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    if (earlier === undefined) folder.set(key, { ...item, target, done });
    else if (earlier.target === target) {
      // Folders with the same name are merged, as `cp` does.
      if (item.kind !== 'folder' || earlier.kind !== 'folder') throw nameConflictError(earlier, item);
    } else {
      await earlier.done;
      if (await isSameFile(earlier.target, target)) throw nameConflictError(earlier, item);
    }
    return resolve;
  }

  /** Forgets a folder into which no more items will be downloaded. */
  release(folder: string): void {
    this.#folders.delete(folder);
  }
}

/** Whether both paths are the same file for the file system. */
async function isSameFile(first: string, second: string): Promise<boolean> {
  const [one, other] = await Promise.all([first, second].map((path) => lstat(path).catch(() => undefined)));
  return one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev;
}

function nameConflictError(first: Claim, { label, id }: Pick<Claim, 'label' | 'id'>): NameConflictError {
  const path = escapeControl(first.target);
  return new NameConflictError(
    `Not downloaded: ${escapeControl(first.label)} and ${escapeControl(label)} have the same local path, ${path}. Download them to different folders with --to.`,
    first.id === id,
  );
}
