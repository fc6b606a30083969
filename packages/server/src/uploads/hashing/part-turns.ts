import type { Millis } from '@partway/protocol/ids';
import type { FileHash, HashTurn, PartRange } from '../../storage/blob-store.ts';

/** A part that is larger is hashed while it arrives: it might have left the page cache when it is complete. */
const MAX_LATER_BYTES = 64 * 1024 * 1024;
/** A part that is further from its turn than this is hashed while it arrives. Clients send fewer parts at once. */
const MAX_PARTS_AHEAD = 32;
/** How long a part that is complete waits for its turn. The ones before it may arrive slowly. */
const MAX_WAIT: Millis = 100;

/** The hash of a file, as its turns see it. */
interface HashedFile {
  /** Index of the first part that the hash does not include. */
  next(): number;
  isStored(index: number): boolean;
  /** The hash of the file before a part, if it is that part's turn. */
  fork(index: number): FileHash | undefined;
  /** Takes over a hash that includes one more part. Returns false if the hash has proceeded in another way. */
  join(index: number, hash: FileHash): boolean;
  /** Drops a hash that includes a part that was not stored. */
  drop(): void;
}

/**
 * The parts of a file that are arriving, and that will be added to the hash of the file one after the other. A part that is
 * complete before its turn waits for it a little, if all the parts before it have arrived or are arriving.
 */
export class PartTurns {
  readonly #file: HashedFile;
  readonly #maxWait: Millis;
  /** By the index of the part. */
  readonly #turns = new Map<number, PartTurn>();

  constructor(file: HashedFile, { maxWait = MAX_WAIT } = {}) {
    this.#file = file;
    this.#maxWait = maxWait;
  }

  get isEmpty(): boolean {
    return this.#turns.size === 0;
  }

  /** Adds a part that arrives. It must be closed. */
  open(range: PartRange): PartTurn {
    const turn = new PartTurn(this, this.#file, range, this.#maxWait);
    this.#turns.set(range.index, turn);
    return turn;
  }

  /** Removes a part that is stored now, or will not be. */
  remove(turn: PartTurn, index: number): void {
    if (this.#turns.get(index) === turn) this.#turns.delete(index);
    this.check();
  }

  /** Lets the parts that wait continue: the one whose turn it is, and those whose turn will not come. */
  check(): void {
    for (const turn of this.#turns.values()) turn.check();
  }

  /** Whether all the parts before this one have arrived or are arriving, so that its turn will come. */
  canReach(index: number): boolean {
    const next = this.#file.next();
    if (index < next || index - next > MAX_PARTS_AHEAD) return false;
    for (let before = next; before < index; before++) {
      if (!this.#file.isStored(before) && !this.#turns.has(before)) return false;
    }
    return true;
  }
}

/** A part that is arriving. */
export class PartTurn implements HashTurn {
  readonly #turns: PartTurns;
  readonly #file: HashedFile;
  readonly #index: number;
  readonly #length: number;
  readonly #maxWait: Millis;
  #waiting: PromiseWithResolvers<FileHash | undefined> | undefined;
  #isIncluded = false;

  constructor(turns: PartTurns, file: HashedFile, { index, length }: PartRange, maxWait: Millis) {
    this.#turns = turns;
    this.#file = file;
    this.#index = index;
    this.#length = length;
    this.#maxWait = maxWait;
  }

  begin(): FileHash | 'later' | undefined {
    const hash = this.#file.fork(this.#index);
    if (hash !== undefined) return hash;
    return this.#length <= MAX_LATER_BYTES && this.#turns.canReach(this.#index) ? 'later' : undefined;
  }

  async wait(): Promise<FileHash | undefined> {
    const waiting = Promise.withResolvers<FileHash | undefined>();
    this.#waiting = waiting;
    const timer = setTimeout(() => this.#continue(undefined), this.#maxWait);
    this.check();
    return waiting.promise.finally(() => clearTimeout(timer));
  }

  /** Ends the waiting if it is this part's turn, or if its turn will not come. */
  check(): void {
    if (this.#waiting === undefined) return;
    const hash = this.#file.fork(this.#index);
    if (hash !== undefined || !this.#turns.canReach(this.#index)) this.#continue(hash);
  }

  done(fileHash: FileHash): void {
    this.#isIncluded = this.#file.join(this.#index, fileHash);
  }

  /** Ends the turn, when the part is stored or will not be. */
  close(): void {
    if (this.#isIncluded && !this.#file.isStored(this.#index)) this.#file.drop();
    this.#turns.remove(this, this.#index);
  }

  #continue(hash: FileHash | undefined): void {
    this.#waiting?.resolve(hash);
    this.#waiting = undefined;
  }
}
