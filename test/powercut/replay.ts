import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { DiskModel, type ModelEntry, type ModelFile } from './disk-model.ts';
import { descriptorOf, lastNumberOf, pathOf, type SystemCall, stringsOf } from './strace.ts';

/** SQLite's WAL index: named shared memory, which the first process that opens the database rebuilds. */
const NOT_DURABLE = /-shm$/;

/**
 * The file of an open descriptor. Threads are logged in the order in which strace hears of them: the log may have a
 * descriptor opened by one thread before another closed it. So the path that strace prints next to a descriptor
 * determines the file of a call; this has only the position, and files that have lost their name.
 */
interface Open {
  path: string;
  entry: ModelEntry;
  position: number;
}

/**
 * Whether to ignore syncs of this path below the data folder. `isStarting`: the server was killed before and has not
 * sent a response since its restart.
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
   *
   * @param ignores Which syncs to ignore, to simulate a server without them.
   */
  constructor(root: string, ignores: IgnoredSyncs = () => false) {
    this.#root = root;
    this.#ignores = ignores;
  }

  /** Sets whether the following calls are those of a restarted server before its first response. */
  restarting(isStarting: boolean): void {
    this.#isStarting = isStarting;
  }

  /** Returns whether the call changed something in the folder, or made something durable. */
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
        return this.#rejectWritableMapping(call);
      case 'sendfile':
        return this.#rejectSendingToFile(call);
      default:
        return this.#rejectUnknown(call);
    }
  }

  /**
   * Ends a process, which left the folder as it is copied in `left`. The effects of calls that never returned are
   * adopted from there, as not durable.
   */
  endLife(left: string, at: number): void {
    this.#open = new Map();
    const found = [...listTree(left)].filter(({ name }) => !NOT_DURABLE.test(name));
    const names = new Set(found.map(({ name }) => name));
    const gone = [...this.disk.current.keys()].filter((name) => name !== '' && !names.has(name));
    for (const path of found) {
      // The server gives no two files the same base name.
      const from = gone.findIndex((name) => basename(name) === basename(path.name));
      const isMoved = from >= 0 && !path.isFolder && !this.disk.current.has(path.name);
      if (isMoved) for (const name of gone.splice(from, 1)) this.disk.rename(name, path.name, at);
      this.#adopt(left, path, at);
    }
    for (const name of gone) this.disk.unlink(name, at);
  }

  #adopt(left: string, { name, isFolder }: { name: string; isFolder: boolean }, at: number): void {
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
    const path = this.#getPath(call);
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
    const open = this.#getFile(call);
    if (open === undefined) return false;
    const bytes = Buffer.concat(stringsOf(call)).subarray(0, call.result);
    const placed = call.name === 'pwrite64' || call.name === 'pwritev';
    if (!placed && Number.isNaN(open.position))
      throw new Error(`the log does not have the position at which it writes to ${open.path}`);
    this.disk.write(open.file, placed ? lastNumberOf(call) : open.position, bytes, call.ended);
    if (!placed) open.position += bytes.length;
    return true;
  }

  #resize(call: SystemCall, size: number): boolean {
    const open = this.#getFile(call);
    if (open === undefined) return false;
    this.disk.resize(open.file, size, call.ended);
    return true;
  }

  #sync(call: SystemCall): boolean {
    const synced = this.#getOpen(call);
    if (synced === undefined || this.#ignores(synced.path, this.#isStarting)) return false;
    if (synced.entry.kind === 'file') this.disk.syncFile(synced.entry, call.began);
    else this.disk.syncFolder(synced.path, call.began);
    return true;
  }

  #rename(call: SystemCall): boolean {
    const [from, to] = stringsOf(call).map((path) => this.#getRelative(path.toString()));
    if (from === undefined && to === undefined) return false;
    if (from === undefined || to === undefined) return this.#rejectUnknown(call);
    this.disk.rename(from, to, call.ended);
    for (const open of this.#open.values()) if (open.path === from) open.path = to;
    return true;
  }

  #unlink(call: SystemCall): boolean {
    const path = this.#getPath(call);
    if (path === undefined) return false;
    this.disk.unlink(path, call.ended);
    return true;
  }

  #mkdir(call: SystemCall): boolean {
    const path = this.#getPath(call);
    if (path === undefined) return false;
    this.disk.link(path, { kind: 'folder' }, call.ended);
    return true;
  }

  #rejectWritableMapping(call: SystemCall): boolean {
    const writes = call.args.includes('MAP_SHARED') && call.args.includes('PROT_WRITE');
    return writes ? this.#rejectUnknown(call) : false;
  }

  /** A download changes no file. */
  #rejectSendingToFile(call: SystemCall): boolean {
    return pathOf(call)?.startsWith('socket:') ? false : this.#rejectUnknown(call);
  }

  /** The model would be silently wrong otherwise. */
  #rejectUnknown(call: SystemCall): boolean {
    if (!call.args.replaceAll('\\x', '').includes(Buffer.from(`${this.#root}/`).toString('hex'))) return false;
    if (call.args.includes(Buffer.from('-shm').toString('hex').replaceAll(/(..)/g, '\\x$1'))) return false;
    throw new Error(`the model of the disk does not know ${call.name}(${call.args.slice(0, 500)})`);
  }

  #getFile(call: SystemCall): (Open & { file: ModelFile }) | undefined {
    const open = this.#getOpen(call);
    return open?.entry.kind === 'file' ? Object.assign(open, { file: open.entry }) : undefined;
  }

  /** The file of a call's descriptor; undefined if that is not durable data. */
  #getOpen(call: SystemCall): Open | undefined {
    const open = this.#open.get(descriptorOf(call) ?? -1);
    const path = this.#getRelative(pathOf(call) ?? '');
    const entry = path === undefined ? undefined : this.disk.current.get(path);
    if (path === undefined || entry === undefined || entry === open?.entry) return open;
    // Only the position is unknown then: the server writes at explicit positions, except to small new files.
    return { path, entry, position: Number.NaN };
  }

  #getPath(call: SystemCall): string | undefined {
    const [path] = stringsOf(call);
    return path === undefined ? undefined : this.#getRelative(path.toString());
  }

  /** The path relative to the root; undefined for others, and for data that is not durable. */
  #getRelative(path: string): string | undefined {
    if (path !== this.#root && !path.startsWith(`${this.#root}/`)) return undefined;
    return NOT_DURABLE.test(path) ? undefined : relative(this.#root, path);
  }
}

function newFile(): ModelFile {
  return { kind: 'file', durable: Buffer.alloc(0), current: Buffer.alloc(0), pending: [] };
}

/** Folders before their contents. */
function* listTree(root: string, below = ''): Generator<{ name: string; isFolder: boolean }> {
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    const name = join(below, entry.name);
    yield { name, isFolder: entry.isDirectory() };
    if (entry.isDirectory()) yield* listTree(root, name);
  }
}
