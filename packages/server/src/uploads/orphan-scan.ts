import type { BlobId, Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { FoundBlob } from '../storage/blob-store.ts';
import { collectBatches } from '../util/batches.ts';
import type { UploadContext } from './context.ts';
import { findExplainedBlobs } from './session-store.ts';

const BATCH = 100;
/** An orphan that no scan has met for this long was removed by another program; its row is deleted. */
const ROW_LIFETIME: Millis = 90 * 24 * 3_600_000;

interface OrphanRules {
  /** Minimum time since a blob was last written to before it counts as an orphan. */
  grace: Millis;
  /** How long an orphan is kept after this database first recorded it. */
  retention: Millis;
  /** Called with the number of new orphans, and the time until which they are kept. */
  onFound?: (count: number, keptUntil: Millis) => void;
}

/**
 * Scans the store for orphans: blobs that no row explains. Crashes do not leave orphans (`files/blobs.ts`), so rows are
 * missing, most likely because an older backup of the database was restored. Therefore orphans are recorded first, and
 * removed only after this database has known of them for `retention`. A scan reads only names; it reads the age of orphans
 * alone.
 */
export class OrphanScan {
  readonly #context: Pick<UploadContext, 'db' | 'blobs' | 'inFlight' | 'clock'>;
  readonly #rules: OrphanRules;
  /** Index of the section of the store to scan next. */
  #nextSection = 1;
  #newOrphans = 0;

  constructor(context: Pick<UploadContext, 'db' | 'blobs' | 'inFlight' | 'clock'>, rules: OrphanRules) {
    this.#context = context;
    this.#rules = rules;
  }

  /**
   * Scans section 0 of the store, which has the uploads in progress, then continues where the last run stopped. Stops after
   * the section in which `budget` is used up, or after all sections.
   * @returns The number of orphans that it removed.
   */
  async run({ budget = Number.POSITIVE_INFINITY, signal }: { budget?: Millis; signal?: AbortSignal } = {}) {
    const { clock, db } = this.#context;
    const found = this.#scanSections(clock.monotonic() + budget, signal);
    let removed = 0;
    this.#newOrphans = 0;
    // A batch can include blobs of several sections, so that small sections do not cost a query each.
    for await (const batch of collectBatches(found, BATCH)) removed += await this.#checkBatch(batch);
    if (this.#newOrphans > 0) this.#rules.onFound?.(this.#newOrphans, clock.lifetimesFrom() + this.#rules.retention);
    await deleteObsoleteRows(db, clock.expiryTime() - this.#rules.retention - ROW_LIFETIME);
    return removed;
  }

  async *#scanSections(end: Millis, signal: AbortSignal | undefined): AsyncGenerator<FoundBlob, void, undefined> {
    const { blobs, clock } = this.#context;
    const lastSection = blobs.sections() - 1;
    yield* blobs.find(0);
    for (let scanned = 0; scanned < lastSection && clock.monotonic() < end; scanned++) {
      signal?.throwIfAborted();
      yield* blobs.find(this.#nextSection);
      this.#nextSection = this.#nextSection === lastSection ? 1 : this.#nextSection + 1;
    }
  }

  /** Checks the blobs in flight before the rows: a blob that gets its row in between must not count as an orphan. */
  async #checkBatch(batch: readonly FoundBlob[]): Promise<number> {
    const { db, blobs, inFlight, clock } = this.#context;
    const candidates = batch.filter((found) => !inFlight.has(found.blob));
    const explained = await findExplainedBlobs(db, getIds(candidates));
    const orphans = candidates.filter((found) => !explained.has(found.blob));
    if (orphans.length === 0) return 0;
    const foundTimes = await findRecorded(db, getIds(orphans));
    const newOrphans = await this.#filterByAge(orphans.filter((found) => !foundTimes.has(found.blob)));
    const now = clock.lifetimesFrom();
    const maxFoundAt = clock.expiryTime() - this.#rules.retention;
    if (this.#rules.retention > 0) {
      await record(db, newOrphans, now);
      this.#newOrphans += newOrphans.length;
    } else for (const id of newOrphans) foundTimes.set(id, maxFoundAt);
    const expired = [...foundTimes].filter(([, foundAt]) => foundAt <= maxFoundAt).map(([id]) => id);
    for (const id of expired) await blobs.remove(id);
    if (expired.length > 0) await db.deleteFrom('orphaned_blobs').where('blob_id', 'in', expired).execute();
    return expired.length;
  }

  async #filterByAge(orphans: readonly FoundBlob[]): Promise<BlobId[]> {
    const maxWrittenAt = this.#context.clock.fileExpiryTime() - this.#rules.grace;
    const oldEnough: BlobId[] = [];
    for (const { blob, lastWrite } of orphans) {
      const writtenAt = await lastWrite();
      if (writtenAt !== undefined && writtenAt <= maxWrittenAt) oldEnough.push(blob);
    }
    return oldEnough;
  }
}

function getIds(found: readonly FoundBlob[]): BlobId[] {
  return found.map(({ blob }) => blob);
}

async function findRecorded(db: Kysely<Tables>, ids: readonly BlobId[]): Promise<Map<BlobId, Millis>> {
  const rows = await db.selectFrom('orphaned_blobs').selectAll().where('blob_id', 'in', ids).execute();
  return new Map(rows.map((row) => [row.blob_id, row.found_at]));
}

async function record(db: Kysely<Tables>, ids: readonly BlobId[], now: Millis): Promise<void> {
  if (ids.length === 0) return;
  await db
    .insertInto('orphaned_blobs')
    .values(ids.map((id) => ({ blob_id: id, found_at: now })))
    .onConflict((conflict) => conflict.column('blob_id').doNothing())
    .execute();
}

/** Deletes the rows of orphans that another row refers to again, and of orphans found before `before`. */
async function deleteObsoleteRows(db: Kysely<Tables>, before: Millis): Promise<void> {
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
