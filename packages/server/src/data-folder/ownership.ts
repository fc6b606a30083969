import type { Kysely } from 'kysely';
import { getDatabaseId } from '../database/metadata.ts';
import type { Tables } from '../database/schema.ts';
import type { BlobStore } from '../storage/blob-store.ts';

/** The database's ID, stored next to the blobs. It says which database the blobs belong to. */
export interface OwnershipMarker {
  /** The file or object with the ID, for messages. */
  readonly place: string;
  /** The stored ID; undefined if there is none. */
  read(): Promise<string | undefined>;
  /** Resolves once the ID would survive a power cut. */
  write(id: string): Promise<void>;
}

interface OwnershipCheck {
  db: Kysely<Tables>;
  blobs: BlobStore;
  marker: OwnershipMarker;
  /** True if blobs without a marker certainly belong to the database, because both are in the same data folder. */
  ownFolder: boolean;
}

/**
 * Checks that the blobs belong to the database, and writes the marker if there are no blobs yet. Call it at every start,
 * before garbage collection: with another database, all blobs would be unreferenced and would be deleted. Throws an error
 * that says what to do if they do not belong together.
 */
export async function claimOwnership({ db, blobs, marker, ownFolder }: OwnershipCheck): Promise<void> {
  const id = await getDatabaseId(db);
  const markedId = await marker.read();
  if (markedId === id) return;
  if (markedId !== undefined || !ownFolder) {
    const override = `If they do belong together, write this ID into ${marker.place}: ${id}`;
    if (await hasBlobs(blobs)) {
      throw new Error(
        `The bytes beside ${marker.place} are not known to belong to this database. Starting would delete them, because no row refers ` +
          `to them. Use the database and the storage that were used together. ${override}`,
      );
    }
    if (await hasReferences(db)) {
      throw new Error(
        `This database has files whose bytes are not in this storage: its ID is not in ${marker.place}. Use the storage that ` +
          `was used with this database. Storage on a disk is for a single node. ${override}`,
      );
    }
  }
  await marker.write(id);
}

async function hasBlobs(blobs: BlobStore): Promise<boolean> {
  for await (const _ of blobs.list()) return true;
  return false;
}

async function hasReferences(db: Kysely<Tables>): Promise<boolean> {
  const version = await db.selectFrom('versions').select('id').limit(1).executeTakeFirst();
  if (version !== undefined) return true;
  const session = await db.selectFrom('upload_sessions').select('id').where('state', '=', 'open').limit(1);
  return (await session.executeTakeFirst()) !== undefined;
}

/** Checks that the blobs belong to the database, without changing anything. Throws an error that says what to do if not. */
export async function checkOwnership({ db, marker, ownFolder }: Omit<OwnershipCheck, 'blobs'>): Promise<void> {
  const markedId = await marker.read();
  if (markedId === (await getDatabaseId(db)) || (markedId === undefined && ownFolder)) return;
  throw new Error(
    `The bytes beside ${marker.place} are not known to belong to this database. Use the database and the data folder that were used ` +
      'together (PARTWAY_DATABASE, PARTWAY_DATA).',
  );
}
