import { dirname } from 'node:path';
import type { SeededRandom } from '../faults/seeded-random.ts';

/** The unit in which the page cache writes a file back. */
const BLOCK = 4096;
/** The unit that a disk writes whole or not at all. */
const SECTOR = 512;

/** A change of a file that no sync has made durable yet. */
type FileChange =
  | { kind: 'write'; offset: number; bytes: Buffer; at: number }
  | { kind: 'size'; size: number; at: number };

export interface ModelFile {
  kind: 'file';
  /** What a power cut cannot take. */
  durable: Buffer;
  /** What programs read now. */
  current: Buffer;
  pending: FileChange[];
}

export type ModelEntry = ModelFile | { kind: 'folder' };

/** A name that appeared in a folder, or went, and that no sync of the folder has made durable yet. */
interface NameChange {
  folder: string;
  path: string;
  entry: ModelEntry | undefined;
  at: number;
  /** For the old name of a renamed file: it goes only if the new one is there, since the journal keeps both together. */
  needs?: NameChange;
}

/** What is in a folder after a power cut: bytes of files by their paths, and undefined for folders. */
export type CrashState = Map<string, Buffer | undefined>;

/**
 * A folder on ext4 (data=ordered, with write barriers), as far as a power cut is concerned. Changes are durable once a
 * sync that began after them has ended: of the file for its bytes and its size, of the folder for its names. Of all
 * others any subset may survive: each block of a write on its own, torn between sectors, or with a file's new size and
 * zeros in place of the bytes. The names of a folder survive in the order in which they changed.
 *
 * This permits more than ext4 does in two places, so that what is found to be safe is safe on other file systems too: a
 * sync of a file does not make its name durable, and a renamed file may be found under both names.
 */
export class DiskModel {
  readonly #durable = new Map<string, ModelEntry>([['', { kind: 'folder' }]]);
  readonly current = new Map<string, ModelEntry>([['', { kind: 'folder' }]]);
  #pending: NameChange[] = [];

  /** Makes a name; `at` is the position of the call in the log, as in all methods. */
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
    file.current = written(file.current, offset, bytes);
    file.pending.push({ kind: 'write', offset, bytes, at });
  }

  resize(file: ModelFile, size: number, at: number): void {
    file.current = resized(file.current, size);
    file.pending.push({ kind: 'size', size, at });
  }

  /** A sync of a file that began at `began`: it covers the changes that were complete by then. */
  syncFile(file: ModelFile, began: number): void {
    const covered = file.pending.filter(({ at }) => at < began);
    file.pending = file.pending.filter(({ at }) => at >= began);
    for (const change of covered) file.durable = applied(file.durable, change);
  }

  syncFolder(folder: string, began: number): void {
    const covered = new Set(this.#pending.filter((change) => change.folder === folder && change.at < began));
    for (const { needs } of covered) if (needs !== undefined) this.#addReachable(needs, covered);
    for (const { path, entry } of covered) name(this.#durable, path, entry);
    this.#pending = this.#pending.filter((change) => !covered.has(change));
  }

  /** A change, and the names of the folders that lead to it: the journal keeps a rename as a whole. */
  #addReachable(change: NameChange, to: Set<NameChange>): void {
    to.add(change);
    for (const other of this.#pending) if (leadsTo(other, change.path)) to.add(other);
  }

  /** A sync of everything (sync, syncfs). */
  syncAll(began: number): void {
    for (const entry of this.current.values()) if (entry.kind === 'file') this.syncFile(entry, began);
    for (const folder of new Set(this.#pending.map((change) => change.folder))) this.syncFolder(folder, began);
  }

  /** One of the states in which a power cut now may leave the folder. */
  crash(random: SeededRandom): CrashState {
    // All that is not synced lost, all of it written back, or a mixture with odds of its own.
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
      const survives = random.below(100) < odds && (change.needs === undefined || isThere(change.needs, lost, names));
      if (!survives) cut.add(change.folder);
      if (cut.has(change.folder)) lost.add(change);
      else name(names, change.path, change.entry);
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
      if (random.below(100) < odds) bytes = resized(bytes, change.size);
      // Blocks written after a cut that did not reach the disk belong to the file that was cut.
      else if (change.size < bytes.length) return bytes;
      continue;
    }
    for (const piece of blocksOf(change)) {
      if (random.below(100) >= odds) continue;
      bytes = random.below(10) === 0 ? damaged(bytes, piece, random) : written(bytes, piece.offset, piece.bytes);
    }
  }
  return bytes;
}

/** A block that was under way: some of its sectors are written; beyond the old end of the file they may all be zero. */
function damaged(bytes: Buffer, { offset, bytes: piece }: { offset: number; bytes: Buffer }, random: SeededRandom) {
  if (offset >= bytes.length && random.below(2) === 0) return resized(bytes, offset + piece.length);
  let torn = bytes;
  for (let at = 0; at < piece.length; at += SECTOR) {
    if (random.below(2) === 0) torn = written(torn, offset + at, piece.subarray(at, at + SECTOR));
  }
  return torn;
}

function* blocksOf({ offset, bytes }: { offset: number; bytes: Buffer }) {
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + BLOCK - ((offset + at) % BLOCK));
    yield { offset: offset + at, bytes: bytes.subarray(at, end) };
    at = end;
  }
}

function applied(bytes: Buffer, change: FileChange): Buffer {
  return change.kind === 'size' ? resized(bytes, change.size) : written(bytes, change.offset, change.bytes);
}

/** `bytes` with `piece` at `offset`; changed in place if they are long enough. */
function written(bytes: Buffer, offset: number, piece: Buffer): Buffer {
  const whole = offset + piece.length > bytes.length ? resized(bytes, offset + piece.length) : bytes;
  piece.copy(whole, offset);
  return whole;
}

function resized(bytes: Buffer, size: number): Buffer {
  const whole = Buffer.alloc(size);
  bytes.copy(whole, 0, 0, Math.min(size, bytes.length));
  return whole;
}

function name(names: Map<string, ModelEntry>, path: string, entry: ModelEntry | undefined): void {
  if (entry === undefined) names.delete(path);
  else names.set(path, entry);
}

/** Whether a change makes the name of a folder above `path`. */
function leadsTo({ entry, path: folder }: NameChange, path: string): boolean {
  return entry?.kind === 'folder' && path.startsWith(`${folder}/`);
}

function isThere(change: NameChange, lost: ReadonlySet<NameChange>, names: ReadonlyMap<string, ModelEntry>): boolean {
  return !lost.has(change) && isReachable(names, change.path);
}

function isReachable(state: ReadonlyMap<string, unknown>, path: string): boolean {
  return path === '' || (state.has(folderOf(path)) && isReachable(state, folderOf(path)));
}

function folderOf(path: string): string {
  const folder = dirname(path);
  return folder === '.' ? '' : folder;
}
