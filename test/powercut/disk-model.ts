import { dirname } from 'node:path';
import type { SeededRandom } from '../faults/seeded-random.ts';

/** The unit in which the page cache writes a file. */
const BLOCK = 4096;
/** The unit that a disk writes completely or not at all. */
const SECTOR = 512;

/** A change of a file that no sync has made durable yet. */
type FileChange =
  | { kind: 'write'; offset: number; bytes: Buffer; at: number }
  | { kind: 'size'; size: number; at: number };

export interface ModelFile {
  kind: 'file';
  /** What survives a power cut. */
  durable: Buffer;
  /** What programs read now. */
  current: Buffer;
  pending: FileChange[];
}

export type ModelEntry = ModelFile | { kind: 'folder' };

/** A name that was added to a folder or removed, and that no sync of the folder has made durable yet. */
interface NameChange {
  folder: string;
  path: string;
  entry: ModelEntry | undefined;
  at: number;
  /**
   * For the old name of a renamed file: it is removed only if the new one exists, because the journal keeps both
   * together.
   */
  needs?: NameChange;
}

/** The contents of a folder after a power cut: bytes of files by path, and undefined for folders. */
export type CrashState = Map<string, Buffer | undefined>;

/**
 * A folder on ext4 (data=ordered, with write barriers) with respect to power cuts. Changes are durable when a sync
 * that started after them has ended: of the file for its bytes and its size, of the folder for its names. Of all
 * other changes, any subset may survive: each block of a write on its own, torn between sectors, or with the file's
 * new size and zeros instead of the bytes. The names of a folder survive in the order in which they changed.
 *
 * This permits more than ext4 does in two places, so that results also apply to other file systems: a sync of a file
 * does not make its name durable, and a renamed file may exist under both names.
 */
export class DiskModel {
  readonly #durable = new Map<string, ModelEntry>([['', { kind: 'folder' }]]);
  readonly current = new Map<string, ModelEntry>([['', { kind: 'folder' }]]);
  #pending: NameChange[] = [];

  /** Adds a name; `at` is the position of the call in the log, as in all methods. */
  link(path: string, entry: ModelEntry, at: number, needs?: NameChange): NameChange {
    this.current.set(path, entry);
    return this.#change({ folder: folderOf(path), path, entry, at, ...(needs && { needs }) });
  }

  unlink(path: string, at: number, needs?: NameChange): void {
    this.current.delete(path);
    this.#change({ folder: folderOf(path), path, entry: undefined, at, ...(needs && { needs }) });
  }

  rename(from: string, to: string, at: number): void {
    const entry = this.current.get(from);
    if (entry === undefined) throw new Error(`the log renames ${from}, which the model does not have`);
    const linked = this.link(to, entry, at);
    this.unlink(from, at, linked);
  }

  write(file: ModelFile, offset: number, bytes: Buffer, at: number): void {
    file.current = writeAt(file.current, offset, bytes);
    file.pending.push({ kind: 'write', offset, bytes, at });
  }

  resize(file: ModelFile, size: number, at: number): void {
    file.current = setSize(file.current, size);
    file.pending.push({ kind: 'size', size, at });
  }

  /** A sync of a file that started at `began`: it covers the changes that were complete by then. */
  syncFile(file: ModelFile, began: number): void {
    const covered = file.pending.filter(({ at }) => at < began);
    file.pending = file.pending.filter(({ at }) => at >= began);
    for (const change of covered) file.durable = applyChange(file.durable, change);
  }

  syncFolder(folder: string, began: number): void {
    const covered = new Set(this.#pending.filter((change) => change.folder === folder && change.at < began));
    for (const { needs } of covered) if (needs !== undefined) this.#addReachable(needs, covered);
    for (const { path, entry } of covered) setName(this.#durable, path, entry);
    this.#pending = this.#pending.filter((change) => !covered.has(change));
  }

  /** Adds a change, and the names of the folders that lead to it: the journal keeps a rename as a whole. */
  #addReachable(change: NameChange, to: Set<NameChange>): void {
    to.add(change);
    for (const other of this.#pending) if (leadsTo(other, change.path)) to.add(other);
  }

  /** A sync of everything (sync, syncfs). */
  syncAll(began: number): void {
    for (const entry of this.current.values()) if (entry.kind === 'file') this.syncFile(entry, began);
    for (const folder of new Set(this.#pending.map((change) => change.folder))) this.syncFolder(folder, began);
  }

  /** A state in which a power cut now may leave the folder. */
  crash(random: SeededRandom): CrashState {
    // Either nothing unsynced survives, or all of it, or a mixture with random odds.
    const odds = random.pick([0, 100, 10, 30, 50, 70, 90]);
    const state: CrashState = new Map();
    for (const [path, entry] of this.#namesAfterCrash(random, odds)) {
      state.set(path, entry.kind === 'file' ? bytesAfterCrash(entry, random, odds) : undefined);
    }
    for (const path of state.keys()) if (!isReachable(state, path)) state.delete(path);
    return state;
  }

  #namesAfterCrash(random: SeededRandom, odds: number): Map<string, ModelEntry> {
    const names = new Map(this.#durable);
    const cut = new Set<string>();
    const lost = new Set<NameChange>();
    for (const change of this.#pending) {
      const survives = random.below(100) < odds && (change.needs === undefined || exists(change.needs, lost, names));
      if (!survives) cut.add(change.folder);
      if (cut.has(change.folder)) lost.add(change);
      else setName(names, change.path, change.entry);
    }
    return names;
  }

  #change(change: NameChange): NameChange {
    this.#pending.push(change);
    return change;
  }
}

function bytesAfterCrash(file: ModelFile, random: SeededRandom, odds: number): Buffer {
  let bytes: Buffer = Buffer.from(file.durable);
  for (const change of file.pending) {
    if (change.kind === 'size') {
      if (random.below(100) < odds) bytes = setSize(bytes, change.size);
      // Blocks written after a truncation that did not reach the disk belong to the truncated file.
      else if (change.size < bytes.length) return bytes;
      continue;
    }
    for (const piece of splitIntoBlocks(change)) {
      if (random.below(100) >= odds) continue;
      bytes = random.below(10) === 0 ? damageBlock(bytes, piece, random) : writeAt(bytes, piece.offset, piece.bytes);
    }
  }
  return bytes;
}

/** A block in progress: some of its sectors are written; beyond the old end of the file they may all be zero. */
function damageBlock(bytes: Buffer, { offset, bytes: piece }: { offset: number; bytes: Buffer }, random: SeededRandom) {
  if (offset >= bytes.length && random.below(2) === 0) return setSize(bytes, offset + piece.length);
  let torn = bytes;
  for (let at = 0; at < piece.length; at += SECTOR) {
    if (random.below(2) === 0) torn = writeAt(torn, offset + at, piece.subarray(at, at + SECTOR));
  }
  return torn;
}

function* splitIntoBlocks({ offset, bytes }: { offset: number; bytes: Buffer }) {
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + BLOCK - ((offset + at) % BLOCK));
    yield { offset: offset + at, bytes: bytes.subarray(at, end) };
    at = end;
  }
}

function applyChange(bytes: Buffer, change: FileChange): Buffer {
  return change.kind === 'size' ? setSize(bytes, change.size) : writeAt(bytes, change.offset, change.bytes);
}

/** `bytes` with `piece` at `offset`; changed in place if they are long enough. */
function writeAt(bytes: Buffer, offset: number, piece: Buffer): Buffer {
  const result = offset + piece.length > bytes.length ? setSize(bytes, offset + piece.length) : bytes;
  piece.copy(result, offset);
  return result;
}

function setSize(bytes: Buffer, size: number): Buffer {
  const result = Buffer.alloc(size);
  bytes.copy(result, 0, 0, Math.min(size, bytes.length));
  return result;
}

function setName(names: Map<string, ModelEntry>, path: string, entry: ModelEntry | undefined): void {
  if (entry === undefined) names.delete(path);
  else names.set(path, entry);
}

/** Whether a change creates a folder above `path`. */
function leadsTo({ entry, path: folder }: NameChange, path: string): boolean {
  return entry?.kind === 'folder' && path.startsWith(`${folder}/`);
}

function exists(change: NameChange, lost: ReadonlySet<NameChange>, names: ReadonlyMap<string, ModelEntry>): boolean {
  return !lost.has(change) && isReachable(names, change.path);
}

function isReachable(state: ReadonlyMap<string, unknown>, path: string): boolean {
  return path === '' || (state.has(folderOf(path)) && isReachable(state, folderOf(path)));
}

function folderOf(path: string): string {
  const folder = dirname(path);
  return folder === '.' ? '' : folder;
}
