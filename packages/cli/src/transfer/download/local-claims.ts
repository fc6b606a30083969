import { lstat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { nameKey } from '@partway/protocol/names';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';

interface Claim {
  /** What is to come here, as people see it. */
  label: string;
  /** Of the item on the server. */
  id: string;
  kind: 'file' | 'folder';
  target: string;
  /** Resolves when it is there, or has failed. */
  done: Promise<unknown>;
}

/** A second item of one run for one place here. */
export class SamePlaceError extends Failure {
  /** Whether both are one and the same item. */
  readonly isSame: boolean;

  constructor(message: string, isSame: boolean) {
    super(EXIT.conflict, message);
    this.isSame = isSame;
  }
}

/**
 * The paths here that a run of downloads writes to: two items that would come to one of them must not overwrite each other,
 * also where the file system makes one of two names (case, accented letters).
 */
export class TakenPaths {
  readonly #folders = new Map<string, Map<string, Claim>>();

  /**
   * Claims a path for an item. Call what it gives when the item is there.
   * @throws SamePlaceError naming both where another one of the run has it.
   */
  async take(target: string, item: Pick<Claim, 'label' | 'id' | 'kind'>): Promise<() => void> {
    const folder = this.#folders.get(dirname(target)) ?? new Map<string, Claim>();
    this.#folders.set(dirname(target), folder);
    const key = nameKey(basename(target));
    const earlier = folder.get(key);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    if (earlier === undefined) folder.set(key, { ...item, target, done });
    else if (earlier.target === target) {
      // As cp does: folders of one name become one.
      if (item.kind !== 'folder' || earlier.kind !== 'folder') throw refusal(earlier, item);
    } else {
      await earlier.done;
      if (await isOnePlace(earlier.target, target)) throw refusal(earlier, item);
    }
    return resolve;
  }

  /** Nothing more comes into this folder. */
  release(folder: string): void {
    this.#folders.delete(folder);
  }
}

/** Whether the file system takes both paths for one. */
async function isOnePlace(first: string, second: string): Promise<boolean> {
  const [one, other] = await Promise.all([first, second].map((path) => lstat(path).catch(() => undefined)));
  return one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev;
}

function refusal(first: Claim, { label, id }: Pick<Claim, 'label' | 'id'>): SamePlaceError {
  const where = `${escapeControl(first.target)}`;
  return new SamePlaceError(
    `It is not downloaded: ${escapeControl(first.label)} and ${escapeControl(label)} would both be ${where} here. Download them into different folders with --to.`,
    first.id === id,
  );
}
