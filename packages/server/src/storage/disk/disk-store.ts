import { mkdir, open, opendir, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { BlobId, UserId } from '@partway/protocol/ids';
import { errorCode, isNotFound } from '../../util/system-error.ts';
import {
  BLOB_ID,
  type BlobStore,
  type BodySource,
  type ByteRange,
  checkBlobId,
  type FileStream,
  type FoundBlob,
  type IncomingBody,
  type LocalPart,
  type PartLayout,
  type PartRange,
  type PartTag,
  type StagedBlob,
  type StoredBlob,
} from '../blob-store.ts';
import { ByteBudget } from '../byte-budget.ts';
import { blobGoneError } from '../errors.ts';
import { DiskSpace } from './disk-space.ts';
import { DurableFiles, FileMissingError } from './durable-files.ts';
import { FileReader } from './file-reader.ts';

const FOLDER_NAME = /^[0-9a-f]{2}$/;
const FIRST_BYTE_VALUES = 256;
/** How many bytes of the disk are reserved at a time for a body of unknown length. */
const RESERVE_STEP: number = 1024 * 1024;

/**
 * Opens a store that keeps blobs in files under `folder`, and creates the folder if it is missing. A file is in `staging/`,
 * at its full size, while its parts are written, each at its own offset. When it is complete, it is renamed into
 * `blobs/ab/cd/` (ab, cd: the first hex digits of its ID).
 */
export async function openDiskStore(
  folder: string,
  { files = new DurableFiles(), readAhead = new ByteBudget() }: { files?: DurableFiles; readAhead?: ByteBudget } = {},
): Promise<BlobStore> {
  const root = resolve(folder);
  const created = await mkdir(root, { recursive: true, mode: 0o700 });
  if (created !== undefined) await files.ensureFolder(root, dirname(created));
  await files.ensureFolder(join(root, 'staging'), root);
  await files.ensureFolder(join(root, 'blobs'), root);
  const space = new DiskSpace(root);
  await space.countAll(join(root, 'staging'));
  return new DiskStore(root, files, { readAhead, space });
}

class DiskStore implements BlobStore {
  readonly #root: string;
  readonly #files: DurableFiles;
  readonly #readAhead: ByteBudget;
  readonly #space: DiskSpace;

  constructor(root: string, files: DurableFiles, { readAhead, space }: { readAhead: ByteBudget; space: DiskSpace }) {
    this.#root = root;
    this.#files = files;
    this.#readAhead = readAhead;
    this.#space = space;
  }

  async create(blob: BlobId, layout: PartLayout): Promise<StagedBlob> {
    const path = this.#stagedPath(blob);
    // Before the reservation, because only the file system knows the maximum size of a file.
    await this.#files.allocate(path, layout.fileSize);
    try {
      // The folder that the file will be moved to is created now, so that the upload has less to wait for at its end.
      await this.#files.ensureFolder(dirname(this.#blobPath(blob)), this.#root);
      await this.#space.reserve(blob, layout.fileSize);
    } catch (error) {
      await this.#files.removeFile(path);
      throw error;
    }
    return { blob, layout };
  }

  verifiesParts(): boolean {
    return this.#files.verifies;
  }

  async writePart(
    staged: StagedBlob,
    range: PartRange,
    body: IncomingBody,
    { verify }: BodySource = {},
  ): Promise<PartTag> {
    if (range.offset < 0 || range.length < 0 || range.offset + range.length > staged.layout.fileSize) {
      throw new RangeError(`Part ${range.index} is not within a file of ${staged.layout.fileSize} bytes.`);
    }
    const path = this.#stagedPath(staged.blob);
    try {
      await this.#files.write(path, range, body, verify);
    } catch (error) {
      throw error instanceof FileMissingError ? blobGoneError(error) : error;
    }
    await this.#space.recount(staged.blob, path);
    return '';
  }

  async localPart(staged: StagedBlob, range: PartRange): Promise<LocalPart | undefined> {
    const { offset, length } = range;
    const stagedPath = this.#stagedPath(staged.blob);
    if ((await statIfExists(stagedPath)) !== undefined) return { path: stagedPath, offset, length };
    const blobPath = this.#blobPath(staged.blob);
    return (await statIfExists(blobPath)) && { path: blobPath, offset, length };
  }

  async dropLocalPart(): Promise<void> {
    // Local parts are ranges of the file itself, so nothing was cached.
  }

  async complete(staged: StagedBlob): Promise<void> {
    const { fileSize } = staged.layout;
    const from = this.#stagedPath(staged.blob);
    const to = this.#blobPath(staged.blob);
    const isComplete = await hasSize(to, fileSize);
    this.#space.release(staged.blob);
    if (await hasSize(from, fileSize)) {
      try {
        return await this.#files.moveDurably(from, to, { base: this.#root, readOnly: true });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    // Another call has moved the file, just now or before a crash, and might not have synced the folders.
    if (!isComplete && !(await hasSize(to, fileSize))) throw blobGoneError();
    await this.#files.ensureFolder(dirname(to), this.#root);
    await this.#files.syncMove(from, to);
  }

  async put(blob: BlobId, body: AsyncIterable<Uint8Array>, _by?: UserId, announced = 0): Promise<void> {
    const [from, to] = [this.#stagedPath(blob), this.#blobPath(blob)];
    try {
      await this.#space.reserve(blob, announced);
      await putFile(this.#files, { from, to, base: this.#root }, this.#limitToSpace(blob, body));
    } finally {
      this.#space.release(blob);
    }
  }

  /** Yields a body, and reserves more space in steps if it is longer than announced. */
  async *#limitToSpace(blob: BlobId, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of body) {
      if (chunk.length > this.#space.reservedFor(blob))
        await this.#space.reserve(blob, Math.max(RESERVE_STEP, chunk.length));
      this.#space.consume(blob, chunk.length);
      yield chunk;
    }
  }

  async read(blob: BlobId, range?: ByteRange): Promise<FileStream> {
    const file = await open(this.#blobPath(blob), 'r');
    try {
      const place = range ?? { first: 0, last: (await file.stat()).size - 1 };
      return new FileReader(file, place, { budget: this.#readAhead, native: this.#files.native });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async remove(target: BlobId | StagedBlob): Promise<void> {
    const blob = typeof target === 'string' ? target : target.blob;
    this.#space.release(blob);
    // In the order in which a file moves, so that a file that is completed meanwhile is still found.
    await this.#files.removeFile(this.#stagedPath(blob));
    await this.#files.removeFile(this.#blobPath(blob));
  }

  async exists({ blob }: StagedBlob): Promise<boolean> {
    // In the order in which a file moves, so that a file that is completed meanwhile is still found.
    return (
      (await statIfExists(this.#stagedPath(blob))) !== undefined ||
      (await statIfExists(this.#blobPath(blob))) !== undefined
    );
  }

  async isComplete(blob: BlobId): Promise<boolean> {
    return (await statIfExists(this.#blobPath(blob))) !== undefined;
  }

  async *list(): AsyncGenerator<StoredBlob, void, undefined> {
    // In the order in which a file moves: a file that is completed meanwhile can appear twice, but is never missed.
    yield* listFiles(join(this.#root, 'staging'), 'staged');
    const blobs = join(this.#root, 'blobs');
    for await (const ab of listNames(blobs, FOLDER_NAME)) {
      for await (const cd of listNames(join(blobs, ab), FOLDER_NAME)) {
        yield* listFiles(join(blobs, ab, cd), 'complete', ab + cd);
      }
    }
  }

  /** `staging`, and the folders in `blobs`, each of which has all IDs that start with the same byte. */
  sections(): number {
    return 1 + FIRST_BYTE_VALUES;
  }

  find(section: number): AsyncGenerator<FoundBlob, void, undefined> {
    return section === 0 ? this.#findStaged() : this.#findComplete(section - 1);
  }

  async *#findStaged(): AsyncGenerator<FoundBlob, void, undefined> {
    const folder = join(this.#root, 'staging');
    for await (const name of listNames(folder, BLOB_ID)) yield toFoundBlob(folder, name);
  }

  async *#findComplete(firstByte: number): AsyncGenerator<FoundBlob, void, undefined> {
    const ab = firstByte.toString(16).padStart(2, '0');
    const parent = join(this.#root, 'blobs', ab);
    for (const cd of await readNames(parent)) {
      if (!FOLDER_NAME.test(cd)) continue;
      const folder = join(parent, cd);
      for (const name of await readNames(folder)) {
        if (BLOB_ID.test(name) && name.startsWith(ab + cd)) yield toFoundBlob(folder, name);
      }
    }
  }

  #stagedPath(blob: BlobId): string {
    return join(this.#root, 'staging', checkBlobId(blob));
  }

  #blobPath(blob: BlobId): string {
    const name = checkBlobId(blob);
    return join(this.#root, 'blobs', name.slice(0, 2), name.slice(2, 4), name);
  }
}

/**
 * Writes a body of unknown length to the file `from`, and renames it to `to` when it is complete. Creates missing folders
 * below `base`. After a rejection, neither file exists.
 */
async function putFile(
  files: DurableFiles,
  { from, to, base }: { from: string; to: string; base: string },
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  await files.allocate(from, 0);
  try {
    await files.write(from, { offset: 0 }, body);
    await files.moveDurably(from, to, { base, readOnly: true });
  } catch (error) {
    await files.removeFile(from);
    await files.removeFile(to);
    throw error;
  }
}

/** Whether the file exists. Throws if it has another size, because it is damaged then. */
async function hasSize(path: string, size: number): Promise<boolean> {
  const found = await statIfExists(path);
  if (found === undefined) return false;
  if (found.size !== size) throw new Error(`${path} has ${found.size} bytes, but ${size} were written.`);
  return true;
}

async function statIfExists(path: string): Promise<{ size: number; mtimeMs: number } | undefined> {
  return await stat(path).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
}

async function* listFiles(folder: string, kind: StoredBlob['kind'], prefix = ''): AsyncGenerator<StoredBlob> {
  for await (const name of listNames(folder, BLOB_ID)) {
    if (!name.startsWith(prefix)) continue;
    const found = await statIfExists(join(folder, name));
    if (found !== undefined) yield { blob: name as BlobId, kind, modifiedAt: Math.floor(found.mtimeMs) };
  }
}

function toFoundBlob(folder: string, name: string): FoundBlob {
  return {
    blob: name as BlobId,
    lastWrite: async () => {
      const found = await statIfExists(join(folder, name));
      return found && Math.floor(found.mtimeMs);
    },
  };
}

/** Reads all names in a small folder with one call. Returns none if the folder is missing. */
async function readNames(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isNotFound(error) || errorCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}

/** Lists the names in a folder that match `pattern`. Lists none if the folder is missing. */
async function* listNames(folder: string, pattern: RegExp): AsyncGenerator<string> {
  try {
    for await (const entry of await opendir(folder)) if (pattern.test(entry.name)) yield entry.name;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
