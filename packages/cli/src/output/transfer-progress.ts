import type { BarState } from './bar.ts';
import { Meter } from './meter.ts';
import { Outage, waitNote } from './outage.ts';
import { formatCount } from './quantities.ts';
import type { Outcome, Progress, Total, Transfer } from './transfer-report.ts';

/** The progress of one transfer. An outage does not count toward its rate. */
export class TransferProgress {
  readonly #transfer: Transfer;
  readonly #meter: Meter;
  readonly outage: Outage;
  #doneBytes = 0;
  #note: string | undefined;

  constructor(transfer: Transfer, now?: () => number) {
    this.#transfer = transfer;
    this.#meter = new Meter(transfer.totalBytes, now);
    this.outage = new Outage(now);
  }

  /** Returns whether this has ended an outage. */
  update({ doneBytes, note }: Pick<Progress, 'doneBytes' | 'note'>): boolean {
    const hasEnded = this.outage.update(doneBytes);
    // With a note, the bytes are not being transferred.
    if (hasEnded || note !== undefined || this.#note !== undefined) this.#meter.reset(doneBytes);
    else if (doneBytes > this.#doneBytes) this.#meter.sample(doneBytes);
    this.#doneBytes = doneBytes;
    this.#note = note;
    return hasEnded;
  }

  /** Records that an earlier run has transferred this many bytes. */
  resume(bytes: number): void {
    this.outage.update(bytes);
    this.#meter.reset(bytes);
    this.#doneBytes = bytes;
  }

  state(): BarState {
    const { label, totalBytes } = this.#transfer;
    const isWaiting = this.outage.isWaiting && this.#note === undefined;
    const notes = isWaiting ? waitNote(this.outage.untilAttempt) : { note: this.#note };
    return { label, doneBytes: this.#doneBytes, totalBytes, ...this.#meter.read(), ...notes };
  }
}

/** The progress of all files of a command. Identical files count as done, but not toward the rate. */
export class TotalProgress<Key> {
  readonly #meter: Meter;
  readonly #running = new Map<Key, number>();
  #finishedBytes = 0;
  #finishedFiles = 0;
  /** Bytes of failed files, which are subtracted from the total. */
  #failedBytes = 0;
  #transferredBytes = 0;
  #total: Total | undefined;

  constructor(now?: () => number) {
    this.#meter = new Meter(Number.POSITIVE_INFINITY, now);
  }

  setTotal(total: Total): void {
    this.#total = total;
  }

  /** The rate counts from the first transfer on. */
  begin(): void {
    if (this.#transferredBytes === 0) this.resetRate();
  }

  /** Records the progress of a file. `isTransfer`: whether the bytes have just been transferred. */
  update(file: Key, bytes: number, { isTransfer }: { isTransfer: boolean }): void {
    const previous = this.#running.get(file) ?? 0;
    this.#running.set(file, bytes);
    if (isTransfer) this.#addTransferred(bytes - previous);
  }

  /** Starts to measure the rate from scratch, after an outage. */
  resetRate(): void {
    this.#meter.reset(this.#transferredBytes);
  }

  end(file: Key, kind: Outcome['kind'], size: number): void {
    const previous = this.#running.get(file) ?? 0;
    this.#running.delete(file);
    if (kind === 'deleted') return;
    this.#finishedFiles += 1;
    if (kind === 'done') this.#addTransferred(size - previous);
    if (kind === 'done' || kind === 'present') this.#finishedBytes += size;
    else this.#failedBytes += size;
  }

  /** Undefined until the total is known. `outages`: those of the running files. */
  state(outages: readonly Outage[]): BarState | undefined {
    if (this.#total === undefined) return undefined;
    const totalBytes = this.#total.bytes - this.#failedBytes;
    const doneBytes = [...this.#running.values()].reduce((sum, bytes) => sum + bytes, this.#finishedBytes);
    const { rate } = this.#meter.read();
    const left = rate === undefined || rate <= 0 ? undefined : (Math.max(totalBytes - doneBytes, 0) * 1000) / rate;
    const label = `${formatCount(this.#finishedFiles)} of ${formatCount(this.#total.files)} files`;
    return { label, doneBytes, totalBytes, rate, left, ...commonWait(outages) };
  }

  #addTransferred(bytes: number): void {
    if (bytes <= 0) return;
    this.#transferredBytes += bytes;
    this.#meter.sample(this.#transferredBytes);
  }
}

/** Everything is waiting if all files are. */
function commonWait(outages: readonly Outage[]): Pick<BarState, 'note' | 'shortNote'> {
  if (outages.length === 0 || !outages.every(({ isWaiting }) => isWaiting)) return {};
  const waits = outages.map(({ untilAttempt }) => untilAttempt).filter((millis) => millis !== undefined);
  return waitNote(waits.length === 0 ? undefined : Math.min(...waits));
}
