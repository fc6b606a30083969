import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { DiskModel, type ModelEntry, type ModelFile } from './disk-model.ts';
import { descriptorOf, lastNumberOf, pathOf, type SystemCall, stringsOf } from './strace.ts';

/** SQLite's index of the WAL: shared memory that happens to have a name, rebuilt by whichever process opens it first. */
const NOT_FOR_KEEPS = /-shm$/;

/**
 * What an open descriptor refers to. Threads are written down in the order in which strace hears of them: the log may have
 * a descriptor opened by one thread before it was closed by another. So the path that strace prints beside a descriptor
 * decides what a call is about; this has only the position, and files that have lost their name.
 */
interface Open {
  path: string;
  entry: ModelEntry;
  position: number;
}

/**
 * Whether a sync of this path below the data folder counts for nothing. `isStarting`: it comes from a server that was
 * killed before, and that has not answered anybody since.
 */
export type IgnoredSyncs = (path: string, isStarting: boolean) => boolean;

/** Replays the system calls of a server, one life after the other, on a model of its data folder. */
export class Replay {
  readonly disk = new DiskModel();
  readonly #root: string;
  readonly #ignores: IgnoredSyncs;
  #isStarting = false;
  #open = new Map<number, Open>();

  /**
   * @param root The data folder, as an absolute path.
   * @param ignores Which syncs count for nothing: a server without them.
   */
  constructor(root: string, ignores: IgnoredSyncs = () => false) {
    this.#root = root;
    this.#ignores = ignores;
  }

  /** Says whether the calls that follow are those of a server that starts again and has not answered anybody yet. */
  restarting(isStarting: boolean): void {
    this.#isStarting = isStarting;
  }

  /** Whether the call changed something in the folder, or made something durable. */
  apply(call: SystemCall): boolean {
    if (call.result < 0) return false;
    switch (call.name) {
      case 'openat':
      case 'open':
        return this.#openFile(call);
      case 'close':
        this.#open.delete(descriptorOf(call) ?? -1);
        return false;
      case 'lseek':
        return this.#seek(call);
      case 'write':
      case 'writev':
      case 'pwrite64':
      case 'pwritev':
        return this.#write(call);
      case 'ftruncate':
        return this.#resize(call, lastNumberOf(call));
      case 'fsync':
      case 'fdatasync':
        return this.#sync(call);
      case 'rename':
      case 'renameat':
      case 'renameat2':
        return this.#rename(call);
      case 'unlink':
      case 'unlinkat':
      case 'rmdir':
        return this.#unlink(call);
      case 'mkdir':
      case 'mkdirat':
        return this.#mkdir(call);
      case 'mmap':
        return this.#refuseWritableMapping(call);
      default:
        return this.#refuse(call);
    }
  }

  /**
   * The process is gone, and left the folder as it is copied in `left`. What calls that never returned have done is
   * taken over from there, as not durable.
   */
  endLife(left: string, at: number): void {
    this.#open = new Map();
    const found = [...listTree(left)].filter(({ name }) => !NOT_FOR_KEEPS.test(name));
    const names = new Set(found.map(({ name }) => name));
    const gone = [...this.disk.current.keys()].filter((name) => name !== '' && !names.has(name));
    for (const path of found) {
      // The server gives no two files the same last name.
      const from = gone.findIndex((name) => basename(name) === basename(path.name));
      const isMoved = from >= 0 && !path.isFolder && !this.disk.current.has(path.name);
      if (isMoved) for (const name of gone.splice(from, 1)) this.disk.rename(name, path.name, at);
      this.#takeOver(left, path, at);
    }
    for (const name of gone) this.disk.unlink(name, at);
  }

  #takeOver(left: string, { name, isFolder }: { name: string; isFolder: boolean }, at: number): void {
    const known = this.disk.current.get(name);
    if (isFolder) {
      if (known === undefined) this.disk.link(name, { kind: 'folder' }, at);
      return;
    }
    const bytes = readFileSync(join(left, name));
    const file = known?.kind === 'file' ? known : newFile();
    if (known === undefined) this.disk.link(name, file, at);
    if (file.current.length !== bytes.length) this.disk.resize(file, bytes.length, at);
    if (!file.current.equals(bytes)) this.disk.write(file, 0, bytes, at);
  }

  #openFile(call: SystemCall): boolean {
    const path = this.#pathIn(call);
    if (path === undefined) return false;
    const known = this.disk.current.get(path);
    const entry = known ?? (call.args.includes('O_CREAT') ? newFile() : undefined);
    if (entry === undefined) throw new Error(`the log opens ${path}, which the model does not have`);
    if (known === undefined) this.disk.link(path, entry, call.ended);
    const truncates = known?.kind === 'file' && call.args.includes('O_TRUNC') && known.current.length > 0;
    if (truncates) this.disk.resize(known, 0, call.ended);
    const position = entry.kind === 'file' && call.args.includes('O_APPEND') ? entry.current.length : 0;
    this.#open.set(call.result, { path, entry, position });
    return known === undefined || truncates;
  }

  #seek(call: SystemCall): boolean {
    const open = this.#open.get(descriptorOf(call) ?? -1);
    if (open !== undefined) open.position = call.result;
    return false;
  }

  #write(call: SystemCall): boolean {
    const open = this.#fileOf(call);
    if (open === undefined) return false;
    const bytes = Buffer.concat(stringsOf(call)).subarray(0, call.result);
    const placed = call.name === 'pwrite64' || call.name === 'pwritev';
    if (!placed && Number.isNaN(open.position)) throw new Error(`the log does not say where in ${open.path} it writes`);
    this.disk.write(open.file, placed ? lastNumberOf(call) : open.position, bytes, call.ended);
    if (!placed) open.position += bytes.length;
    return true;
  }

  #resize(call: SystemCall, size: number): boolean {
    const open = this.#fileOf(call);
    if (open === undefined) return false;
    this.disk.resize(open.file, size, call.ended);
    return true;
  }

  #sync(call: SystemCall): boolean {
    const synced = this.#referredBy(call);
    if (synced === undefined || this.#ignores(synced.path, this.#isStarting)) return false;
    if (synced.entry.kind === 'file') this.disk.syncFile(synced.entry, call.began);
    else this.disk.syncFolder(synced.path, call.began);
    return true;
  }

  #rename(call: SystemCall): boolean {
    const [from, to] = stringsOf(call).map((path) => this.#below(path.toString()));
    if (from === undefined && to === undefined) return false;
    if (from === undefined || to === undefined) return this.#refuse(call);
    this.disk.rename(from, to, call.ended);
    for (const open of this.#open.values()) if (open.path === from) open.path = to;
    return true;
  }

  #unlink(call: SystemCall): boolean {
    const path = this.#pathIn(call);
    if (path === undefined) return false;
    this.disk.unlink(path, call.ended);
    return true;
  }

  #mkdir(call: SystemCall): boolean {
    const path = this.#pathIn(call);
    if (path === undefined) return false;
    this.disk.link(path, { kind: 'folder' }, call.ended);
    return true;
  }

  #refuseWritableMapping(call: SystemCall): boolean {
    const writes = call.args.includes('MAP_SHARED') && call.args.includes('PROT_WRITE');
    return writes ? this.#refuse(call) : false;
  }

  /** The model would be wrong without it, and say so of nothing. */
  #refuse(call: SystemCall): boolean {
    if (!call.args.replaceAll('\\x', '').includes(Buffer.from(`${this.#root}/`).toString('hex'))) return false;
    if (call.args.includes(Buffer.from('-shm').toString('hex').replaceAll(/(..)/g, '\\x$1'))) return false;
    throw new Error(`the model of the disk does not know ${call.name}(${call.args.slice(0, 500)})`);
  }

  #fileOf(call: SystemCall): (Open & { file: ModelFile }) | undefined {
    const open = this.#referredBy(call);
    return open?.entry.kind === 'file' ? Object.assign(open, { file: open.entry }) : undefined;
  }

  /** What the descriptor of a call refers to; undefined if that is not kept. */
  #referredBy(call: SystemCall): Open | undefined {
    const open = this.#open.get(descriptorOf(call) ?? -1);
    const path = this.#below(pathOf(call) ?? '');
    const entry = path === undefined ? undefined : this.disk.current.get(path);
    if (path === undefined || entry === undefined || entry === open?.entry) return open;
    // Only the position is not known then: the server writes at places of its own choice, but for small new files.
    return { path, entry, position: Number.NaN };
  }

  #pathIn(call: SystemCall): string | undefined {
    const [path] = stringsOf(call);
    return path === undefined ? undefined : this.#below(path.toString());
  }

  /** The path below the root; undefined for others, and for what is not kept. */
  #below(path: string): string | undefined {
    if (path !== this.#root && !path.startsWith(`${this.#root}/`)) return undefined;
    return NOT_FOR_KEEPS.test(path) ? undefined : relative(this.#root, path);
  }
}

function newFile(): ModelFile {
  return { kind: 'file', durable: Buffer.alloc(0), current: Buffer.alloc(0), pending: [] };
}

/** Folders before what is in them. */
function* listTree(root: string, below = ''): Generator<{ name: string; isFolder: boolean }> {
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    const name = join(below, entry.name);
    yield { name, isFolder: entry.isDirectory() };
    if (entry.isDirectory()) yield* listTree(root, name);
  }
}
