import { mkdir, open, opendir, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Refusal } from '@partway/protocol/errors';
import type { ContentId, UserId } from '@partway/protocol/ids';
import { codeOf, isMissing } from '../../util/system-error.ts';
import type {
  ByteRange,
  ContentStore,
  FoundContent,
  Grid,
  LocalBytes,
  Receipt,
  Slot,
  Staging,
  StoredContent,
} from '../blob-store.ts';
import { ByteBudget } from '../s3/byte-budget.ts';
import { putWhole } from '../s3/put-object.ts';
import { DiskRoom } from './disk-space.ts';
import { FileGone, LocalFiles } from './durable-files.ts';
import { FileReading } from './file-reader.ts';

const CONTENT_ID = /^[0-9a-f]{32}$/;
const FOLDER_NAME = /^[0-9a-f]{2}$/;
const FIRST_BYTES = 256;
/** How much of the disk is promised at a time to a body of unknown length. */
const STEP: number = 1024 * 1024;

/**
 * Content in files under `folder`, which is made where it is missing. A file lies in `staging/` at its full size while
 * its slots are written, each at its own offset, and is renamed into `content/ab/cd/` when it is whole (ab, cd: the
 * first hex digits of its id).
 */
export async function openDiskStore(
  folder: string,
  { files = new LocalFiles(), readAhead = new ByteBudget() }: { files?: LocalFiles; readAhead?: ByteBudget } = {},
): Promise<ContentStore> {
  const root = resolve(folder);
  const made = await mkdir(root, { recursive: true, mode: 0o700 });
  if (made !== undefined) await files.ensureFolder(root, dirname(made));
  await files.ensureFolder(join(root, 'staging'), root);
  await files.ensureFolder(join(root, 'content'), root);
  const room = new DiskRoom(root);
  await room.count(join(root, 'staging'));
  return new DiskStore(root, files, { readAhead, room });
}

class DiskStore implements ContentStore {
  readonly #root: string;
  readonly #files: LocalFiles;
  readonly #readAhead: ByteBudget;
  readonly #room: DiskRoom;

  constructor(root: string, files: LocalFiles, { readAhead, room }: { readAhead: ByteBudget; room: DiskRoom }) {
    this.#root = root;
    this.#files = files;
    this.#readAhead = readAhead;
    this.#room = room;
  }

  async begin(content: ContentId, grid: Grid): Promise<Staging> {
    const path = this.#stagingPath(content);
    // First, for the file system knows best how large a file may be.
    await this.#files.allocate(path, grid.fileSize);
    try {
      await this.#room.promise(content, grid.fileSize);
    } catch (error) {
      await this.#files.removeFile(path);
      throw error;
    }
    return { content, grid };
  }

  async write(staging: Staging, slot: Slot, body: AsyncIterable<Uint8Array>): Promise<Receipt> {
    if (slot.offset < 0 || slot.length < 0 || slot.offset + slot.length > staging.grid.fileSize) {
      throw new RangeError(`slot ${slot.index} does not lie in a file of ${staging.grid.fileSize} bytes`);
    }
    try {
      await this.#files.write(this.#stagingPath(staging.content), slot, body);
    } catch (error) {
      throw error instanceof FileGone ? gone(error) : error;
    }
    await this.#room.recount(staging.content, this.#stagingPath(staging.content));
    return '';
  }

  async locate(staging: Staging, slot: Slot): Promise<LocalBytes | undefined> {
    for (const path of [this.#stagingPath(staging.content), this.#sealedPath(staging.content)]) {
      if ((await statOf(path)) !== undefined) return { path, offset: slot.offset, length: slot.length };
    }
    return undefined;
  }

  async release(): Promise<void> {
    // The bytes are the file itself: nothing was kept for `locate` alone.
  }

  async seal(staging: Staging): Promise<void> {
    const { fileSize } = staging.grid;
    const from = this.#stagingPath(staging.content);
    const to = this.#sealedPath(staging.content);
    const sealed = await hasSize(to, fileSize);
    this.#room.release(staging.content);
    if (await hasSize(from, fileSize)) {
      try {
        return await this.#files.moveDurably(from, to, { base: this.#root, readOnly: true });
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
    // Moved by another call, just now or before a crash; its syncs may be still to come, or never have come.
    if (!sealed && !(await hasSize(to, fileSize))) throw gone();
    await this.#files.ensureFolder(dirname(to), this.#root);
    await this.#files.syncMove(from, to);
  }

  async put(content: ContentId, body: AsyncIterable<Uint8Array>, _by?: UserId, announced = 0): Promise<void> {
    const [from, to] = [this.#stagingPath(content), this.#sealedPath(content)];
    try {
      await this.#room.promise(content, announced);
      await putWhole(this.#files, { from, to, base: this.#root }, this.#withinRoom(content, body));
    } finally {
      this.#room.release(content);
    }
  }

  /** Passes a body on, a step at a time beyond what was announced of it, as long as nobody was promised its room. */
  async *#withinRoom(content: ContentId, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of body) {
      if (chunk.length > this.#room.promisedTo(content))
        await this.#room.promise(content, Math.max(STEP, chunk.length));
      this.#room.taken(content, chunk.length);
      yield chunk;
    }
  }

  async open(content: ContentId, range?: ByteRange): Promise<NodeJS.ReadableStream & AsyncIterable<Uint8Array>> {
    const file = await open(this.#sealedPath(content), 'r');
    try {
      return new FileReading(file, range ?? { first: 0, last: (await file.stat()).size - 1 }, this.#readAhead);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async remove(target: ContentId | Staging): Promise<void> {
    const content = typeof target === 'string' ? target : target.content;
    this.#room.release(content);
    // In the order in which a file moves, so that one sealed meanwhile is still met.
    await this.#files.removeFile(this.#stagingPath(content));
    await this.#files.removeFile(this.#sealedPath(content));
  }

  async has({ content }: Staging): Promise<boolean> {
    // In the order in which a file moves, so that one sealed meanwhile is still met.
    return (
      (await statOf(this.#stagingPath(content))) !== undefined ||
      (await statOf(this.#sealedPath(content))) !== undefined
    );
  }

  async isSealed(content: ContentId): Promise<boolean> {
    return (await statOf(this.#sealedPath(content))) !== undefined;
  }

  async *list(): AsyncGenerator<StoredContent, void, undefined> {
    // In the order in which a file moves: one sealed meanwhile may be met twice, but is never missed.
    yield* filesIn(join(this.#root, 'staging'), 'staging');
    const content = join(this.#root, 'content');
    for await (const ab of namesIn(content, FOLDER_NAME)) {
      for await (const cd of namesIn(join(content, ab), FOLDER_NAME)) {
        yield* filesIn(join(content, ab, cd), 'sealed', ab + cd);
      }
    }
  }

  /** `staging`, and the folders of `content`, each with all ids that begin alike. */
  parts(): number {
    return 1 + FIRST_BYTES;
  }

  async *look(part: number): AsyncGenerator<FoundContent, void, undefined> {
    if (part === 0) {
      const folder = join(this.#root, 'staging');
      for await (const name of namesIn(folder, CONTENT_ID)) yield foundIn(folder, name);
      return;
    }
    const ab = (part - 1).toString(16).padStart(2, '0');
    const above = join(this.#root, 'content', ab);
    for (const cd of await allNamesIn(above)) {
      if (!FOLDER_NAME.test(cd)) continue;
      const folder = join(above, cd);
      for (const name of await allNamesIn(folder)) {
        if (CONTENT_ID.test(name) && name.startsWith(ab + cd)) yield foundIn(folder, name);
      }
    }
  }

  #stagingPath(content: ContentId): string {
    return join(this.#root, 'staging', checked(content));
  }

  #sealedPath(content: ContentId): string {
    const name = checked(content);
    return join(this.#root, 'content', name.slice(0, 2), name.slice(2, 4), name);
  }
}

/** The id, proven to be one before it becomes a part of a path. */
function checked(content: ContentId): string {
  if (!CONTENT_ID.test(content)) throw new TypeError('a content id is 32 lower-case hex digits');
  return content;
}

function gone(cause?: unknown): Refusal {
  return new Refusal(
    'upload_session_not_found',
    'This upload is no longer there: it was aborted, committed or expired.',
    {
      cause,
    },
  );
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
    if (isMissing(error)) return undefined;
    throw error;
  });
}

async function* filesIn(folder: string, kind: StoredContent['kind'], prefix = ''): AsyncGenerator<StoredContent> {
  for await (const name of namesIn(folder, CONTENT_ID)) {
    if (!name.startsWith(prefix)) continue;
    const found = await statOf(join(folder, name));
    if (found !== undefined) yield { content: name as ContentId, kind, modifiedAt: Math.floor(found.mtimeMs) };
  }
}

function foundIn(folder: string, name: string): FoundContent {
  return {
    content: name as ContentId,
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
    if (isMissing(error) || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

/** The names in a folder that look like `pattern`; none where the folder is missing. */
async function* namesIn(folder: string, pattern: RegExp): AsyncGenerator<string> {
  try {
    for await (const entry of await opendir(folder)) if (pattern.test(entry.name)) yield entry.name;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
