import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import * as foundation from './migrations/0001-foundation.ts';
import * as tokens from './migrations/0002-tokens.ts';
import * as tree from './migrations/0003-tree.ts';
import * as statusAndTrashOrders from './migrations/0004-status-and-trash-orders.ts';
import * as installation from './migrations/0005-installation.ts';
import * as sessionsByOwner from './migrations/0006-sessions-by-owner.ts';
import * as manyNodes from './migrations/0007-many-nodes.ts';
import * as detailsAndFoldedNames from './migrations/0009-details-and-folded-names.ts';
import * as treeCosts from './migrations/0010-tree-costs.ts';
import * as unreferencedBlobs from './migrations/0011-unreferenced-blobs.ts';
import * as tokenParentsAndChallenges from './migrations/0012-token-parents-and-challenges.ts';
import type { Tables } from './schema.ts';

/** In the order in which they run. A migration that has been released is never edited: add the next one. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-foundation': foundation,
  '0002-tokens': tokens,
  '0003-tree': tree,
  '0004-status-and-trash-orders': statusAndTrashOrders,
  '0005-installation': installation,
  '0006-sessions-by-owner': sessionsByOwner,
  '0007-many-nodes': manyNodes,
  '0009-details-and-folded-names': detailsAndFoldedNames,
  '0010-tree-costs': treeCosts,
  '0011-unreferenced-blobs': unreferencedBlobs,
  '0012-token-parents-and-challenges': tokenParentsAndChallenges,
};

export const NEWER_DATABASE =
  'The database was used by a newer Partway than this one. Start that one instead, or restore a backup from before.';

/**
 * Brings the schema up to this build's, in one transaction a migration. Throws where the database was made by a newer
 * build, or a migration fails (nothing of it stays).
 */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  // Kysely's word for a migration that the database knows and this build does not.
  if (error instanceof Error && error.message.startsWith('corrupted migrations')) {
    throw new Error(NEWER_DATABASE, { cause: error });
  }
  const why = error instanceof Error ? error.message : String(error);
  throw new Error(`The database could not be brought up to this version of Partway, and is as it was: ${why}`, {
    cause: error,
  });
}
