import type { ItemId, Millis, UserId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { ItemKind, Tables } from '../../database/schema.ts';
import { BATCH_ROWS } from '../tree-jobs.ts';
import { copyRows, type Pair, pageToCopy, pairOf } from './copy-rows.ts';

/** Folders that one transaction looks into. */
const MOST_STEPS = 50;

/** What one batch has copied. */
export interface Copied {
  items: number;
  /** Bytes of the versions among them. */
  bytes: number;
}

/** A folder that is being copied: its items after `after`, of this kind, are still to come. */
interface Frame {
  from: ItemId;
  to: ItemId;
  kind: ItemKind;
  after: ItemId;
}

/**
 * Copies everything below a folder into a new one, batch by batch: at most `BATCH_ROWS` items each. Memory holds a batch
 * of folders for each level. Nothing in the original changes meanwhile; its counters are copied with the rows.
 */
export class TreeCopy {
  readonly #frames: Frame[];

  constructor({ from, to }: Pick<Frame, 'from' | 'to'>) {
    this.#frames = framesOf([{ from, to }]);
  }

  get isDone(): boolean {
    return this.#frames.length === 0;
  }

  /** Copies the next items. */
  async copyBatch(tx: Transaction<Tables>, stamp: { by: UserId; now: Millis }): Promise<Copied> {
    const pairs: Pair[] = [];
    let bytes = 0;
    for (let steps = 0; steps < MOST_STEPS && pairs.length < BATCH_ROWS; steps++) {
      const frame = this.#frames.pop();
      if (frame === undefined) break;
      const { from: folderId, kind, after } = frame;
      const { page, isLast } = await pageToCopy(tx, { folderId, kind, after, limit: BATCH_ROWS - pairs.length });
      const last = page.at(-1);
      if (!isLast && last !== undefined) this.#frames.push({ ...frame, after: last.id });
      const folders: { from: ItemId; to: ItemId }[] = [];
      for (const item of page) {
        const pair = pairOf(item, frame.to);
        pairs.push(pair);
        if (item.kind === 'file') bytes += item.size;
        else if (item.child_count > 0) folders.push(pair);
      }
      this.#frames.push(...framesOf(folders));
    }
    await copyRows(tx, pairs, stamp);
    return { items: pairs.length, bytes };
  }
}

function framesOf(folders: readonly Pick<Frame, 'from' | 'to'>[]): Frame[] {
  return folders.flatMap(({ from, to }) =>
    (['folder', 'file'] as const).map((kind) => ({ from, to, kind, after: 0 as ItemId })),
  );
}
