import type { BlobId, Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { FoundBlob } from '../storage/blob-store.ts';
import type { UploadContext } from './context.ts';
import { findExplainedBlobs } from './session-store.ts';

const BATCH = 100;
/** A row about an orphan that has not been met for so long is about one that somebody else removed. */
const FORGOTTEN_AFTER: Millis = 90 * 24 * 3_600_000;

interface OrphanRules {
  /** What was written to less than this long ago is not looked at. */
  grace: Millis;
  /** For how long an orphan is kept after this database first knew of it. */
  retention: Millis;
  /** Told how many orphans were found that were not known before, and from when on they may be removed. */
  onFound?: (count: number, keptUntil: Millis) => void;
}

/**
 * Looks through the store for bytes that no row explains. No crash leaves any (`files/unreferenced-blobs.ts`): rows are
 * missing, most likely because an older backup of the database was restored. So what is found is kept, and removed only
 * once this very database has known of it for `retention`. It asks for names alone, and for the age of an orphan only.
 */
export class OrphanScan {
  readonly #uploads: Pick<UploadContext, 'db' | 'blobs' | 'inFlight' | 'clock'>;
  readonly #rules: OrphanRules;
  /** The part of the store to look at next. */
  #next = 1;
  #found = 0;

  constructor(context: Pick<UploadContext, 'db' | 'blobs' | 'inFlight' | 'clock'>, rules: OrphanRules) {
    this.#uploads = context;
    this.#rules = rules;
  }

  /**
   * Looks at the first part of the store, in which uploads are in progress, then at further parts where the round before
   * has stopped; ends after the part in which `budget` is used up, and after all of them at the latest.
   * @returns How many orphans it removed.
   */
  async run({ budget = Number.POSITIVE_INFINITY, signal }: { budget?: Millis; signal?: AbortSignal } = {}) {
    const { blobs, clock, db } = this.#uploads;
    const end = clock.monotonic() + budget;
    const others = blobs.parts() - 1;
    this.#found = 0;
    // Batches reach beyond a part, so that many small ones are one question.
    const names = new Batches<FoundBlob>(BATCH);
    let removed = await this.#listBatch(0, names);
    for (let looked = 0; looked < others && clock.monotonic() < end; looked++) {
      signal?.throwIfAborted();
      removed += await this.#listBatch(this.#next, names);
      this.#next = this.#next === others ? 1 : this.#next + 1;
    }
    removed += await this.#examine(names.rest());
    if (this.#found > 0) this.#rules.onFound?.(this.#found, clock.lifetimesFrom() + this.#rules.retention);
    await forgetRescued(db, clock.expiryTime() - this.#rules.retention - FORGOTTEN_AFTER);
    return removed;
  }

  async #listBatch(part: number, names: Batches<FoundBlob>): Promise<number> {
    let removed = 0;
    for await (const found of this.#uploads.blobs.find(part)) {
      const batch = names.add(found);
      if (batch !== undefined) removed += await this.#examine(batch);
    }
    return removed;
  }

  /** In this order: listed, in hand, explained by a row; so that what gets its row meanwhile is not taken for an orphan. */
  async #examine(batch: readonly FoundBlob[]): Promise<number> {
    if (batch.length === 0) return 0;
    const { db, blobs, inFlight, clock } = this.#uploads;
    const suspects = batch.filter((found) => !inFlight.has(found.blob));
    const explained = await findExplainedBlobs(db, idsOf(suspects));
    const orphans = suspects.filter((found) => !explained.has(found.blob));
    if (orphans.length === 0) return 0;
    const known = await findKnown(db, idsOf(orphans));
    const fresh = await this.#oldEnough(orphans.filter((found) => !known.has(found.blob)));
    const now = clock.lifetimesFrom();
    const overdue = clock.expiryTime() - this.#rules.retention;
    if (this.#rules.retention > 0) {
      await note(db, fresh, now);
      this.#found += fresh.length;
    } else for (const id of fresh) known.set(id, overdue);
    const due = [...known].filter(([, foundAt]) => foundAt <= overdue).map(([id]) => id);
    for (const id of due) await blobs.remove(id);
    if (due.length > 0) await db.deleteFrom('orphaned_blobs').where('blob_id', 'in', due).execute();
    return due.length;
  }

  async #oldEnough(orphans: readonly FoundBlob[]): Promise<BlobId[]> {
    const newest = this.#uploads.clock.fileExpiryTime() - this.#rules.grace;
    const old: BlobId[] = [];
    for (const { blob, lastWrite } of orphans) {
      const written = await lastWrite();
      if (written !== undefined && written <= newest) old.push(blob);
    }
    return old;
  }
}

function idsOf(found: readonly FoundBlob[]): BlobId[] {
  return found.map(({ blob }) => blob);
}

async function findKnown(db: Kysely<Tables>, ids: readonly BlobId[]): Promise<Map<BlobId, Millis>> {
  const rows = await db.selectFrom('orphaned_blobs').selectAll().where('blob_id', 'in', ids).execute();
  return new Map(rows.map((row) => [row.blob_id, row.found_at]));
}

async function note(db: Kysely<Tables>, ids: readonly BlobId[], now: Millis): Promise<void> {
  if (ids.length === 0) return;
  await db
    .insertInto('orphaned_blobs')
    .values(ids.map((id) => ({ blob_id: id, found_at: now })))
    .onConflict((conflict) => conflict.column('blob_id').doNothing())
    .execute();
}

/** Orphans that a row names again, and those that have not been there for long. */
async function forgetRescued(db: Kysely<Tables>, before: Millis): Promise<void> {
  await db
    .deleteFrom('orphaned_blobs')
    .where((row) =>
      row.or([
        row('found_at', '<', before),
        row('blob_id', 'in', row.selectFrom('versions').select('blob_id')),
        row('blob_id', 'in', row.selectFrom('upload_sessions').select('blob_id').where('state', '=', 'open')),
      ]),
    )
    .execute();
}

/** Puts together what comes one by one. */
class Batches<T> {
  readonly #size: number;
  #items: T[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Gives a batch if this item fills it. */
  add(item: T): T[] | undefined {
    this.#items.push(item);
    return this.#items.length < this.#size ? undefined : this.rest();
  }

  rest(): T[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }
}
