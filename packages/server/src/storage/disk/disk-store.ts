import { mkdir, open, opendir, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { BlobId, UserId } from '@partway/protocol/ids';
import { errorCode, isNotFound } from '../../util/system-error.ts';
import type {
  BlobStore,
  ByteRange,
  FoundBlob,
  LocalPart,
  PartLayout,
  PartRange,
  PartTag,
  StagedBlob,
  StoredBlob,
} from '../blob-store.ts';
import { StorageError } from '../errors.ts';
import { ByteBudget } from '../s3/byte-budget.ts';
import { putWhole } from '../s3/put-object.ts';
import { DiskSpace } from './disk-space.ts';
import { DurableFiles, FileMissingError } from './durable-files.ts';
import { FileReader } from './file-reader.ts';

const CONTENT_ID = /^[0-9a-f]{32}$/;
const FOLDER_NAME = /^[0-9a-f]{2}$/;
const FIRST_BYTES = 256;
/** How much of the disk is promised at a time to a body of unknown length. */
const STEP: number = 1024 * 1024;

/**
 * Content in files under `folder`, which is made where it is missing. A file lies in `staging/` at its full size while
 * its slots are written, each at its own offset, and is renamed into `blobs/ab/cd/` when it is whole (ab, cd: the
 * first hex digits of its id).
 */
export async function openDiskStore(
  folder: string,
  { files = new DurableFiles(), readAhead = new ByteBudget() }: { files?: DurableFiles; readAhead?: ByteBudget } = {},
): Promise<BlobStore> {
  const root = resolve(folder);
  const made = await mkdir(root, { recursive: true, mode: 0o700 });
  if (made !== undefined) await files.ensureFolder(root, dirname(made));
  await files.ensureFolder(join(root, 'staging'), root);
  await files.ensureFolder(join(root, 'blobs'), root);
  const room = new DiskSpace(root);
  await room.count(join(root, 'staging'));
  return new DiskStore(root, files, { readAhead, room });
}

class DiskStore implements BlobStore {
  readonly #root: string;
  readonly #files: DurableFiles;
  readonly #readAhead: ByteBudget;
  readonly #space: DiskSpace;

  constructor(root: string, files: DurableFiles, { readAhead, room }: { readAhead: ByteBudget; room: DiskSpace }) {
    this.#root = root;
    this.#files = files;
    this.#readAhead = readAhead;
    this.#space = room;
  }

  async create(blob: BlobId, layout: PartLayout): Promise<StagedBlob> {
    const path = this.#stagedPath(blob);
    // First, for the file system knows best how large a file may be.
    await this.#files.allocate(path, layout.fileSize);
    try {
      await this.#space.reserve(blob, layout.fileSize);
    } catch (error) {
      await this.#files.removeFile(path);
      throw error;
    }
    return { blob, layout };
  }

  async writePart(staged: StagedBlob, range: PartRange, body: AsyncIterable<Uint8Array>): Promise<PartTag> {
    if (range.offset < 0 || range.length < 0 || range.offset + range.length > staged.layout.fileSize) {
      throw new RangeError(`slot ${range.index} does not lie in a file of ${staged.layout.fileSize} bytes`);
    }
    try {
      await this.#files.write(this.#stagedPath(staged.blob), range, body);
    } catch (error) {
      throw error instanceof FileMissingError ? blobGoneError(error) : error;
    }
    await this.#space.recount(staged.blob, this.#stagedPath(staged.blob));
    return '';
  }

  async localPart(staged: StagedBlob, range: PartRange): Promise<LocalPart | undefined> {
    for (const path of [this.#stagedPath(staged.blob), this.#blobPath(staged.blob)]) {
      if ((await statOf(path)) !== undefined) return { path, offset: range.offset, length: range.length };
    }
    return undefined;
  }

  async dropLocalPart(): Promise<void> {
    // The bytes are the file itself: nothing was kept for `locate` alone.
  }

  async complete(staged: StagedBlob): Promise<void> {
    const { fileSize } = staged.layout;
    const from = this.#stagedPath(staged.blob);
    const to = this.#blobPath(staged.blob);
    const sealed = await hasSize(to, fileSize);
    this.#space.release(staged.blob);
    if (await hasSize(from, fileSize)) {
      try {
        return await this.#files.moveDurably(from, to, { base: this.#root, readOnly: true });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    // Moved by another call, just now or before a crash; its syncs may be still to come, or never have come.
    if (!sealed && !(await hasSize(to, fileSize))) throw blobGoneError();
    await this.#files.ensureFolder(dirname(to), this.#root);
    await this.#files.syncMove(from, to);
  }

  async put(blob: BlobId, body: AsyncIterable<Uint8Array>, _by?: UserId, announced = 0): Promise<void> {
    const [from, to] = [this.#stagedPath(blob), this.#blobPath(blob)];
    try {
      await this.#space.reserve(blob, announced);
      await putWhole(this.#files, { from, to, base: this.#root }, this.#limitToSpace(blob, body));
    } finally {
      this.#space.release(blob);
    }
  }

  /** Passes a body on, a step at a time beyond what was announced of it, as long as nobody was promised its room. */
  async *#limitToSpace(blob: BlobId, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of body) {
      if (chunk.length > this.#space.reservedFor(blob)) await this.#space.reserve(blob, Math.max(STEP, chunk.length));
      this.#space.taken(blob, chunk.length);
      yield chunk;
    }
  }

  async read(blob: BlobId, range?: ByteRange): Promise<NodeJS.ReadableStream & AsyncIterable<Uint8Array>> {
    const file = await open(this.#blobPath(blob), 'r');
    try {
      return new FileReader(file, range ?? { first: 0, last: (await file.stat()).size - 1 }, this.#readAhead);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async remove(target: BlobId | StagedBlob): Promise<void> {
    const blob = typeof target === 'string' ? target : target.blob;
    this.#space.release(blob);
    // In the order in which a file moves, so that one sealed meanwhile is still met.
    await this.#files.removeFile(this.#stagedPath(blob));
    await this.#files.removeFile(this.#blobPath(blob));
  }

  async exists({ blob }: StagedBlob): Promise<boolean> {
    // In the order in which a file moves, so that one sealed meanwhile is still met.
    return (await statOf(this.#stagedPath(blob))) !== undefined || (await statOf(this.#blobPath(blob))) !== undefined;
  }

  async isComplete(blob: BlobId): Promise<boolean> {
    return (await statOf(this.#blobPath(blob))) !== undefined;
  }

  async *list(): AsyncGenerator<StoredBlob, void, undefined> {
    // In the order in which a file moves: one sealed meanwhile may be met twice, but is never missed.
    yield* filesIn(join(this.#root, 'staging'), 'staged');
    const content = join(this.#root, 'blobs');
    for await (const ab of namesIn(content, FOLDER_NAME)) {
      for await (const cd of namesIn(join(content, ab), FOLDER_NAME)) {
        yield* filesIn(join(content, ab, cd), 'complete', ab + cd);
      }
    }
  }

  /** `staging`, and the folders of `content`, each with all ids that begin alike. */
  parts(): number {
    return 1 + FIRST_BYTES;
  }

  async *find(part: number): AsyncGenerator<FoundBlob, void, undefined> {
    if (part === 0) {
      const folder = join(this.#root, 'staging');
      for await (const name of namesIn(folder, CONTENT_ID)) yield foundIn(folder, name);
      return;
    }
    const ab = (part - 1).toString(16).padStart(2, '0');
    const above = join(this.#root, 'blobs', ab);
    for (const cd of await allNamesIn(above)) {
      if (!FOLDER_NAME.test(cd)) continue;
      const folder = join(above, cd);
      for (const name of await allNamesIn(folder)) {
        if (CONTENT_ID.test(name) && name.startsWith(ab + cd)) yield foundIn(folder, name);
      }
    }
  }

  #stagedPath(blob: BlobId): string {
    return join(this.#root, 'staging', checked(blob));
  }

  #blobPath(blob: BlobId): string {
    const name = checked(blob);
    return join(this.#root, 'blobs', name.slice(0, 2), name.slice(2, 4), name);
  }
}

/** The id, proven to be one before it becomes a part of a path. */
function checked(blob: BlobId): string {
  if (!CONTENT_ID.test(blob)) throw new TypeError('a content id is 32 lower-case hex digits');
  return blob;
}

function blobGoneError(cause?: unknown): StorageError {
  return new StorageError('blob-not-found', 'This upload is no longer there: it was aborted, committed or expired.', {
    cause,
  });
}

/** Whether the file is there. One of another size is damage that somebody has to look at, never to build upon. */
async function hasSize(path: string, size: number): Promise<boolean> {
  const found = await statOf(path);
  if (found === undefined) return false;
  if (found.size !== size) throw new Error(`${path} has ${found.size} bytes where ${size} were written`);
  return true;
}

async function statOf(path: string): Promise<{ size: number; mtimeMs: number } | undefined> {
  return await stat(path).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
}

async function* filesIn(folder: string, kind: StoredBlob['kind'], prefix = ''): AsyncGenerator<StoredBlob> {
  for await (const name of namesIn(folder, CONTENT_ID)) {
    if (!name.startsWith(prefix)) continue;
    const found = await statOf(join(folder, name));
    if (found !== undefined) yield { blob: name as BlobId, kind, modifiedAt: Math.floor(found.mtimeMs) };
  }
}

function foundIn(folder: string, name: string): FoundBlob {
  return {
    blob: name as BlobId,
    lastWrite: async () => {
      const found = await statOf(join(folder, name));
      return found && Math.floor(found.mtimeMs);
    },
  };
}

/** All names in a folder that holds few, with one call; none if the folder is missing. */
async function allNamesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isNotFound(error) || errorCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}

/** The names in a folder that look like `pattern`; none where the folder is missing. */
async function* namesIn(folder: string, pattern: RegExp): AsyncGenerator<string> {
  try {
    for await (const entry of await opendir(folder)) if (pattern.test(entry.name)) yield entry.name;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
