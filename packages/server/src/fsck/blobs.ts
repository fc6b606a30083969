import { createHash } from 'node:crypto';
import type { BlobId, ItemId, Sha1 } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { errorCode } from '../util/system-error.ts';
import type { FsckContext } from './context.ts';
import { sum } from './counted.ts';
import type { Found } from './findings.ts';

/** A version that references a blob, with the size and SHA-1 that the blob should have. */
interface Reference {
  file_id: ItemId;
  number: number;
  name: string;
  sha1: Sha1;
  size: number;
}

const PAGE = 200;

/**
 * Reads each blob that versions reference once, and compares its size and SHA-1 with those of the versions. Damaged and
 * missing blobs are only reported, with the files that they belong to.
 * @returns The number of blobs.
 */
export async function checkBlobs(context: FsckContext): Promise<number> {
  let checked = 0;
  let after = '';
  for (;;) {
    const page = await listReferencedBlobs(context.db, after);
    for (const blob of page) {
      await checkBlob(context, blob);
      checked += 1;
      after = blob;
    }
    if (page.length < PAGE) return checked;
  }
}

async function checkBlob(context: FsckContext, blob: BlobId): Promise<void> {
  const read = await readBlob(context, blob);
  // Queried after reading the blob, because its versions can be purged meanwhile.
  const wrong = (await listReferences(context.db, blob)).filter((reference) => !matches(reference, read));
  const [first] = wrong;
  if (first === undefined) return;
  const files = wrong.map(({ file_id, number, name }) => `${name} (file ${file_id}, version ${number})`);
  await context.found({
    ...describeProblem(first, read, files.join(', '), blob),
    about: {
      blob_id: blob,
      sha1: first.sha1,
      size: Number(first.size),
      file_ids: [...new Set(wrong.map(({ file_id }) => file_id))].join(' '),
    },
  });
}

function matches({ sha1, size }: Reference, read: ReadResult): boolean {
  return typeof read === 'object' && 'sha1' in read && read.sha1 === sha1 && read.size === Number(size);
}

function describeProblem(
  expected: Reference,
  read: ReadResult,
  files: string,
  blob: BlobId,
): Pick<Found, 'kind' | 'message'> {
  const remedy = `Restore blob ${blob} from a backup, or upload the file again.`;
  if (read === 'missing') return { kind: 'blob_missing', message: `${files}: the blob is missing. ${remedy}` };
  if ('failure' in read) {
    return { kind: 'blob_unreadable', message: `${files}: the blob cannot be read (${read.failure}). ${remedy}` };
  }
  const difference =
    read.size === Number(expected.size)
      ? `the SHA-1 is ${read.sha1} instead of ${expected.sha1}`
      : `the size is ${read.size} bytes instead of ${expected.size}`;
  return { kind: 'blob_damaged', message: `${files}: ${difference}. ${remedy}` };
}

async function listReferencedBlobs(db: Kysely<Tables>, after: string): Promise<BlobId[]> {
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

function listReferences(db: Kysely<Tables>, blob: BlobId): Promise<Reference[]> {
  return db
    .selectFrom('versions')
    .innerJoin('items', 'items.id', 'versions.file_id')
    .select(['versions.file_id', 'versions.number', 'items.name', 'versions.sha1', 'versions.size'])
    .where('versions.blob_id', '=', blob)
    .orderBy('versions.file_id')
    .orderBy('versions.number')
    .execute();
}

/** Estimates how many bytes a check will read: all blobs that versions reference, and all parts of open sessions. */
export async function estimateBytes(db: Kysely<Tables>): Promise<number> {
  const { bytes } = await db
    .selectFrom((from) => from.selectFrom('versions').select(['blob_id', 'size']).distinct().as('blobs'))
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

type ReadResult = { size: number; sha1: Sha1 } | 'missing' | { failure: string };

/** Reads and hashes bytes to their end, or returns why they cannot be read. */
export async function readAndHash(
  open: () => Promise<AsyncIterable<Uint8Array>>,
  read: (bytes: number) => void,
): Promise<ReadResult> {
  const hash = createHash('sha1');
  let size = 0;
  try {
    for await (const chunk of await open()) {
      hash.update(chunk);
      size += chunk.length;
      read(chunk.length);
    }
  } catch (error) {
    return isMissing(error) ? 'missing' : { failure: (error as Error).message };
  }
  return { size, sha1: hash.digest('hex') as Sha1 };
}

function readBlob({ blobs, read }: FsckContext, id: BlobId): Promise<ReadResult> {
  return readAndHash(() => blobs.read(id), read);
}

/** The codes of store errors, or of their causes, for something that does not exist. */
const NOT_FOUND_CODES = new Set(['ENOENT', 'NoSuchKey', 'NotFound']);

function isMissing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return NOT_FOUND_CODES.has(String(errorCode(error))) || isMissing(error.cause);
}
