import { explain } from '../errors/explain.ts';
import { combineExitCodes, type ExitCode } from '../exit-codes.ts';
import { formatCount, formatSpeed } from '../output/quantities.ts';
import type { RunningTransfer, TransferReport } from '../output/transfer-report.ts';
import { Interrupted } from '../process.ts';

/** Counts the results of all files, and derives the summary and the exit code of the command. */
export class Tally {
  readonly #startedAt = performance.now();
  readonly #codes: ExitCode[] = [];
  files = 0;
  present = 0;
  bytes = 0;
  /** Items that a sync has deleted. */
  deleted = 0;

  /** Records a file that was transferred, with the number of bytes. */
  recordDone(bytes: number): void {
    this.files += 1;
    this.bytes += bytes;
  }

  /** Records and reports a file that failed. An interruption is not a failure. */
  recordFailure(error: unknown, running: RunningTransfer): void {
    if (error instanceof Interrupted) {
      running.end({ kind: 'stopped', message: 'stopped', fields: {} });
      return;
    }
    const { message, exitCode, code, path } = explain(error);
    this.#codes.push(exitCode);
    const fields = { exit_code: exitCode, ...(code !== undefined && { code }) };
    running.end({ kind: 'failed', message, fields, namedPath: path });
  }

  /** Reports the summary. */
  summarize(report: TransferReport, { verb, interrupted }: { verb: string; interrupted: boolean }): void {
    const failed = this.#codes.length;
    const { files, present, bytes, deleted } = this;
    const fields = { files, present, failed, bytes, interrupted, ...(deleted > 0 && { deleted }) };
    const speed = formatSpeed(this.bytes, performance.now() - this.#startedAt);
    const parts = [`${formatCount(this.files)} ${verb}, ${speed}`];
    if (this.present > 0) parts.push(`${formatCount(this.present)} skipped as identical`);
    if (deleted > 0) parts.push(`${formatCount(deleted)} deleted`);
    if (failed > 0) parts.push(`${formatCount(failed)} failed`);
    report.summary(`${parts.join('; ')}.`, fields);
  }

  get failed(): number {
    return this.#codes.length;
  }

  get count(): number {
    return this.files + this.present + this.#codes.length;
  }

  /** The exit code of all failures if they agree; otherwise 1. */
  get exitCode(): ExitCode {
    return combineExitCodes(this.#codes);
  }
}
