import { createRequire } from 'node:module';
import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import { findModule } from './find-module.ts';

declare const brand: unique symbol;

/** A SHA-1 in progress: 96 bytes, in the byte order of the machine. A copy of them is a hash of the same bytes. */
export type NativeHash = Uint8Array<ArrayBuffer> & { readonly [brand]: 'NativeHash' };

/** A range of an open file. */
export interface FileRange {
  fd: number;
  position: number;
  length: number;
}

/** The state of an unfinished SHA-1, as FIPS 180-4 describes it. */
export interface Sha1State {
  /** The five words of the hash value. */
  words: Uint32Array;
  /** The number of bytes so far. */
  length: bigint;
  /** The last block. Its first `length % 64` bytes are used. */
  tail: Uint8Array;
}

const HASH_BYTES = 96;
const WORDS = 5;
const LENGTH_OFFSET = 24;
const TAIL_OFFSET = 32;
/** What a job returns if the file or connection has fewer bytes than it should have. */
const ENDED_EARLY = -1;

/** The kinds of jobs (src/pool.h). */
const JOB = { hash: 0, write: 1, read: 2, receive: 3, send: 4 } as const;

/** The progress of a job with a connection: bytes received or sent, and 1 while it waits for the client. */
type ProgressNumbers = Float64Array & { 0: number; 1: number };

/** The functions of the module (src/addon.c). A job returns an error number of the system, 0 or `ENDED_EARLY`. */
interface Addon {
  kernel(): string | undefined;
  init(hash: Uint8Array): void;
  digest(hash: Uint8Array): Uint8Array;
  start(threads: number): void;
  run(
    kind: number,
    hash: Uint8Array | undefined,
    second: Uint8Array | undefined,
    buffers: readonly Uint8Array[],
    fd: number,
    position: number,
    length: number,
    socket?: number,
    progress?: ProgressNumbers,
  ): Promise<number>;
  cancel(progress: ProgressNumbers): void;
}

/** A job that receives from a connection or sends to it. */
export class Transfer {
  /** Settles when the job is over. Rejects with the system's error, `ECANCELED` after `cancel`, or "ended early". */
  readonly done: Promise<void>;
  readonly #progress = new Float64Array(2) as ProgressNumbers;
  readonly #addon: Addon;

  constructor(addon: Addon, start: (progress: ProgressNumbers) => Promise<void>) {
    this.#addon = addon;
    this.done = start(this.#progress);
  }

  /** The number of bytes received or sent so far. */
  get moved(): number {
    return this.#progress[0];
  }

  /** Whether it waits for the client: everything that the client has sent was read, or the client does not read. */
  get isWaiting(): boolean {
    return this.#progress[1] === 1;
  }

  /** Ends the job early. Has no effect if it is over. */
  cancel(): void {
    this.#addon.cancel(this.#progress);
  }
}

/**
 * Writes files and computes SHA-1 digests on native threads. Jobs on the same hash must not overlap. A hash, its buffers and
 * its file descriptor belong to a job until its promise settles. If a job fails, its hashes are unusable.
 */
export class Native {
  /** The name of the processor's SHA-1 instructions. */
  readonly kernel: string;
  readonly threads: number;
  /** The file of the module. */
  readonly file: string;
  readonly #addon: Addon;

  constructor(addon: Addon, { file, kernel, threads }: { file: string; kernel: string; threads: number }) {
    this.#addon = addon;
    this.file = file;
    this.kernel = kernel;
    this.threads = threads;
    addon.start(threads);
  }

  /** Describes the threads, for the operator. */
  describe(): string {
    return `${this.threads} native thread${this.threads === 1 ? '' : 's'} (${this.kernel})`;
  }

  /** The number of bytes that a hash includes. */
  lengthOf(hash: NativeHash): number {
    return Number(new BigUint64Array(hash.buffer, LENGTH_OFFSET, 1)[0]);
  }

  /** A copy that can be continued independently. */
  copy(hash: NativeHash): NativeHash {
    return hash.slice() as NativeHash;
  }

  /** The state of a hash, for another process or machine. */
  save(hash: NativeHash): Sha1State {
    return {
      words: new Uint32Array(hash.buffer, 0, WORDS).slice(),
      length: new BigUint64Array(hash.buffer, LENGTH_OFFSET, 1)[0] as bigint,
      tail: hash.slice(TAIL_OFFSET),
    };
  }

  /** Continues from a state. */
  load({ words, length, tail }: Sha1State): NativeHash {
    const hash = this.createHash();
    new Uint32Array(hash.buffer, 0, WORDS).set(words);
    new BigUint64Array(hash.buffer, LENGTH_OFFSET, 1)[0] = length;
    hash.set(tail.subarray(0, HASH_BYTES - TAIL_OFFSET), TAIL_OFFSET);
    return hash;
  }

  /** Starts a hash. */
  createHash(): NativeHash {
    const hash = new Uint8Array(HASH_BYTES) as NativeHash;
    this.#addon.init(hash);
    return hash;
  }

  /** The SHA-1 of the bytes so far, in hex. The hash can be continued. */
  digest(hash: NativeHash): string {
    return Buffer.from(this.#addon.digest(hash)).toString('hex');
  }

  /** Adds bytes to a hash. */
  async hash(hash: NativeHash, buffers: readonly Uint8Array[]): Promise<void> {
    throwFailure('hash', await this.#addon.run(JOB.hash, hash, undefined, buffers, -1, 0, 0));
  }

  /**
   * Writes all bytes of the buffers at `position`, and adds them to the hash, if there is one.
   * @param second Another hash to which the bytes are added, at little cost if both hashes had a multiple of 64 bytes.
   */
  async write(
    file: { fd: number; position: number },
    buffers: readonly Uint8Array[],
    hash?: NativeHash,
    second?: NativeHash,
  ): Promise<void> {
    const { fd, position } = file;
    throwFailure('pwritev', await this.#addon.run(JOB.write, hash, second, buffers, fd, position, 0));
  }

  /**
   * Adds a range of a file to a hash. Throws "ended early" if the file is too short.
   * @param second As for `write`.
   */
  async read(file: FileRange, hash: NativeHash, second?: NativeHash): Promise<void> {
    throwFailure('pread', await this.#addon.run(JOB.read, hash, second, [], file.fd, file.position, file.length));
  }

  /**
   * Receives `length` bytes from a connection, not one more, writes them to a file at `position`, and adds them to the
   * hash, if there is one. Nothing else may read from the connection meanwhile. The job has a copy of the descriptor of the
   * connection, so closing that does not end the job.
   * @param second As for `write`.
   */
  receive(socket: { fd: number }, file: FileRange, hash?: NativeHash, second?: NativeHash): Transfer {
    const { fd, position, length } = file;
    return new Transfer(this.#addon, async (progress) => {
      const failure = await this.#addon.run(JOB.receive, hash, second, [], fd, position, length, socket.fd, progress);
      throwFailure('receive', failure);
    });
  }

  /**
   * Sends a range of a file to a connection, without copying it into this process. Nothing else may write to the connection
   * meanwhile. As in `receive`, the job has a descriptor of its own. Throws "ended early" if the file is too short.
   */
  send(socket: { fd: number }, file: FileRange): Transfer {
    const { fd, position, length } = file;
    return new Transfer(this.#addon, async (progress) => {
      throwFailure(
        'sendfile',
        await this.#addon.run(JOB.send, undefined, undefined, [], fd, position, length, socket.fd, progress),
      );
    });
  }
}

/** Throws the same errors as node:fs. */
function throwFailure(syscall: string, failure: number): void {
  if (failure === 0) return;
  if (failure === ENDED_EARLY) throw Object.assign(new Error('The file or connection ended early.'), { code: 'EOF' });
  const [code, message] = [getSystemErrorName(-failure), getSystemErrorMessage(-failure)];
  throw Object.assign(new Error(`${code}: ${message}, ${syscall}`), { errno: -failure, code, syscall });
}

let opened: Native | { reason: string } | undefined;

/**
 * Loads the module and starts its threads, which all callers in this thread of JavaScript share. They keep the process
 * running only while they work.
 * @param threads How many to start at the first call; later calls change nothing.
 * @param path Where the module is, if not in the usual place.
 * @returns Why the module cannot be used, if it cannot.
 */
export function openNative(threads: number, path?: string): Native | { reason: string } {
  opened ??= load(threads, path ?? findModule());
  return opened;
}

function load(threads: number, path: string | { reason: string }): Native | { reason: string } {
  if (typeof path !== 'string') return path;
  try {
    const addon = createRequire(import.meta.url)(path) as Addon;
    const kernel = addon.kernel();
    if (kernel === undefined) return { reason: 'this processor has no SHA-1 instructions that it supports' };
    return new Native(addon, { file: path, kernel, threads });
  } catch (error) {
    return { reason: (error as Error).message };
  }
}
