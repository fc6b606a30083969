import { createHash } from 'node:crypto';
import type { BlobId, ItemId, Sha1 } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { errorCode } from '../util/system-error.ts';
import type { FsckContext } from './context.ts';
import { sum } from './counted.ts';
import type { Found } from './findings.ts';

/** What a version says of its content. */
interface Naming {
  file_id: ItemId;
  number: number;
  name: string;
  sha1: Sha1;
  size: number;
}

const PAGE = 200;

/**
 * Reads each content that versions name, once however many name it, and holds their sizes and SHA-1s against it. What is
 * damaged or gone is only reported, with the files that it is about.
 * @returns How many were read.
 */
export async function checkBlobs(check: FsckContext): Promise<number> {
  let checked = 0;
  let after = '';
  for (;;) {
    const page = await namedContents(check.db, after);
    for (const blob of page) {
      await checkContent(check, blob);
      checked += 1;
      after = blob;
    }
    if (page.length < PAGE) return checked;
  }
}

async function checkContent(check: FsckContext, blob: BlobId): Promise<void> {
  const read = await readContent(check, blob);
  // Asked for after the reading: what was deleted for good meanwhile is named no more.
  const wrong = (await namingsOf(check.db, blob)).filter((naming) => !isAsSaid(naming, read));
  const [first] = wrong;
  if (first === undefined) return;
  const files = wrong.map(({ file_id, number, name }) => `${name} (file ${file_id}, version ${number})`);
  await check.found({
    ...troubleWith(first, read, files.join(', '), blob),
    about: {
      blob_id: blob,
      sha1: first.sha1,
      size: Number(first.size),
      file_ids: [...new Set(wrong.map(({ file_id }) => file_id))].join(' '),
    },
  });
}

function isAsSaid({ sha1, size }: Naming, read: ReadBack): boolean {
  return typeof read === 'object' && 'sha1' in read && read.sha1 === sha1 && read.size === Number(size);
}

function troubleWith(said: Naming, read: ReadBack, files: string, blob: BlobId): Pick<Found, 'kind' | 'message'> {
  const remedy = `Restore content ${blob} from a backup, or upload the file anew.`;
  if (read === 'missing') return { kind: 'content_missing', message: `${files}: the bytes are gone. ${remedy}` };
  if ('failure' in read) {
    return { kind: 'content_unreadable', message: `${files}: the bytes cannot be read (${read.failure}). ${remedy}` };
  }
  const what =
    read.size === Number(said.size)
      ? `the SHA-1 is ${read.sha1} instead of ${said.sha1}`
      : `there are ${read.size} bytes instead of ${said.size}`;
  return { kind: 'content_damaged', message: `${files}: ${what}. ${remedy}` };
}

async function namedContents(db: Kysely<Tables>, after: string): Promise<BlobId[]> {
  const rows = await db
    .selectFrom('versions')
    .select('blob_id')
    .distinct()
    .where('blob_id', '>', after as BlobId)
    .orderBy('blob_id')
    .limit(PAGE)
    .execute();
  return rows.map((row) => row.blob_id);
}

function namingsOf(db: Kysely<Tables>, blob: BlobId): Promise<Naming[]> {
  return db
    .selectFrom('versions')
    .innerJoin('items', 'items.id', 'versions.file_id')
    .select(['versions.file_id', 'versions.number', 'items.name', 'versions.sha1', 'versions.size'])
    .where('versions.blob_id', '=', blob)
    .orderBy('versions.file_id')
    .orderBy('versions.number')
    .execute();
}

/** How many bytes a check will read, about: all contents that versions name, and all parts of open sessions. */
export async function bytesToRead(db: Kysely<Tables>): Promise<number> {
  const { bytes } = await db
    .selectFrom((from) => from.selectFrom('versions').select(['blob_id', 'size']).distinct().as('contents'))
    .select(sum('size').as('bytes'))
    .executeTakeFirstOrThrow();
  const open = await db
    .selectFrom('upload_sessions')
    .leftJoin('parts', 'parts.session_id', 'upload_sessions.id')
    .select((row) => ['staged_blob', 'file_size', row.fn.count('parts.part_index').as('parts')])
    .where('state', '=', 'open')
    .groupBy(['upload_sessions.id', 'staged_blob', 'file_size'])
    .execute();
  return open.reduce((sum, { staged_blob: staged, file_size: size, parts }) => {
    const { partSize } = (JSON.parse(staged) as { layout: { partSize: number } }).layout;
    return sum + Math.min(Number(parts) * partSize, Number(size));
  }, bytes);
}

/** What was found where bytes should be. */
type ReadBack = { size: number; sha1: Sha1 } | 'missing' | { failure: string };

/** Reads bytes to their end, or says why that did not go. */
export async function readBack(
  open: () => Promise<AsyncIterable<Uint8Array>>,
  read: (bytes: number) => void,
): Promise<ReadBack> {
  const hash = createHash('sha1');
  let size = 0;
  try {
    for await (const chunk of await open()) {
      hash.update(chunk);
      size += chunk.length;
      read(chunk.length);
    }
  } catch (error) {
    return isAbsent(error) ? 'missing' : { failure: (error as Error).message };
  }
  return { size, sha1: hash.digest('hex') as Sha1 };
}

function readContent({ blobs, read }: FsckContext, id: BlobId): Promise<ReadBack> {
  return readBack(() => blobs.read(id), read);
}

/** What stores say, or what they say why, where something is not there. */
const ABSENT = new Set(['ENOENT', 'NoSuchKey', 'NotFound']);

function isAbsent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ABSENT.has(String(errorCode(error))) || isAbsent(error.cause);
}
