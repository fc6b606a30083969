import type { Kysely } from 'kysely';
import { databaseId } from '../database/metadata.ts';
import type { Tables } from '../database/schema.ts';
import type { BlobStore } from '../storage/blob-store.ts';

/** The place in a content store where it says which database names its bytes. */
export interface OwnershipMarker {
  /** Where the mark is, for people. */
  readonly place: string;
  /** The id that was written; undefined where there is none. */
  read(): Promise<string | undefined>;
  /** Resolves once it would survive a power cut. */
  write(id: string): Promise<void>;
}

interface OwnershipClaim {
  db: Kysely<Tables>;
  blobs: BlobStore;
  marker: OwnershipMarker;
  /** Whether bytes without a mark are this database's for certain: those of a data folder whose own SQLite file it is. */
  ownFolder: boolean;
}

/**
 * Makes sure that this store holds the bytes of this database, at every start and before anything is swept: a sweep with
 * another database would take all bytes for garbage, since nothing there names them. The first to come marks the store.
 * Throws with what to do where they do not belong together.
 */
export async function claimOwnership({ db, blobs, marker, ownFolder }: OwnershipClaim): Promise<void> {
  const id = await databaseId(db);
  const marked = await marker.read();
  if (marked === id) return;
  if (marked !== undefined || !ownFolder) {
    const mend = `If they do belong together, make the text of ${marker.place} this: ${id}`;
    if (await holdsBytes(blobs)) {
      throw new Error(
        `The bytes beside ${marker.place} are not known to be those of this database, and starting would remove them, since ` +
          `nothing names them. Give the database and the place for bytes that were used together. ${mend}`,
      );
    }
    if (await namesBytes(db)) {
      throw new Error(
        `This database names files whose bytes are not here: ${marker.place} is not its mark. Give the place for bytes that ` +
          `was used with it; a disk store is for one node. ${mend}`,
      );
    }
  }
  await marker.write(id);
}

async function holdsBytes(blobs: BlobStore): Promise<boolean> {
  for await (const _ of blobs.list()) return true;
  return false;
}

async function namesBytes(db: Kysely<Tables>): Promise<boolean> {
  const version = await db.selectFrom('versions').select('id').limit(1).executeTakeFirst();
  if (version !== undefined) return true;
  const session = await db.selectFrom('upload_sessions').select('id').where('state', '=', 'open').limit(1);
  return (await session.executeTakeFirst()) !== undefined;
}

/**
 * Makes sure that bytes are those of a database, and leaves both as they are: with another database all bytes would seem
 * to be named by nothing. Throws with what to do where nothing says that they belong together.
 */
export async function checkOwnership({ db, marker, ownFolder }: Omit<OwnershipClaim, 'blobs'>): Promise<void> {
  const marked = await marker.read();
  if (marked === (await databaseId(db)) || (marked === undefined && ownFolder)) return;
  throw new Error(
    `The bytes beside ${marker.place} are not known to be those of this database. Give the database and the folder that ` +
      'were used together (PARTWAY_DATABASE, PARTWAY_DATA).',
  );
}
