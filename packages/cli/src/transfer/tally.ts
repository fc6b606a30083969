import { explain } from '../errors/explain.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatSpeed } from '../output/quantities.ts';
import type { RunningTransfer, TransferReport } from '../output/transfer-report.ts';
import { Interrupted } from '../process.ts';

/** Counts how files ended, and says in the end how the command does. */
export class Tally {
  readonly #began = performance.now();
  readonly #codes: ExitCode[] = [];
  files = 0;
  present = 0;
  bytes = 0;

  /** One that went through, with so many bytes on the line. */
  done(bytes: number): void {
    this.files += 1;
    this.bytes += bytes;
  }

  /** One that did not: tells of it, and goes on. Being stopped is not told of here. */
  failed(error: unknown, running: RunningTransfer): void {
    if (error instanceof Interrupted) {
      running.end({ kind: 'stopped', message: 'stopped', fields: {} });
      return;
    }
    const { message, exitCode, code } = explain(error);
    this.#codes.push(exitCode);
    running.end({ kind: 'failed', message, fields: { exit_code: exitCode, ...(code !== undefined && { code }) } });
  }

  /** Says what it came to, where that is more than one file. */
  summarize(report: TransferReport, { verb, interrupted }: { verb: string; interrupted: boolean }): void {
    const failed = this.#codes.length;
    const fields = { files: this.files, present: this.present, failed, bytes: this.bytes, interrupted };
    const parts = [`${this.files} ${verb}, ${formatSpeed(this.bytes, performance.now() - this.#began)}`];
    if (this.present > 0) parts.push(`${this.present} there already`);
    if (failed > 0) parts.push(`${failed} failed`);
    report.summary(`${parts.join('; ')}.`, fields);
  }

  get count(): number {
    return this.files + this.present + this.#codes.length;
  }

  /** That of the failures where they have one in common. */
  get exitCode(): ExitCode {
    const [first, ...others] = this.#codes;
    if (first === undefined) return EXIT.done;
    return others.every((code) => code === first) ? first : EXIT.failed;
  }
}
