import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How often V8 ran a range of a script. Ranges can be nested; the innermost counts. */
interface Range {
  startOffset: number;
  endOffset: number;
  count: number;
}

interface Report {
  result: { url: string; functions: { ranges: Range[] }[] }[];
}

/**
 * The source code that some processes ran, from what Node.js writes to NODE_V8_COVERAGE. Types are replaced by spaces
 * of the same length before V8 reads a source, so its positions are those of the file. A killed process has written
 * nothing.
 */
export class Coverage {
  readonly folder = mkdtempSync(join(tmpdir(), 'partway-coverage-'));
  /** For each source below `root`, the ranges of each process that loaded it. */
  readonly #ranges = new Map<string, Range[][]>();

  /** The environment of the processes to measure. Code from the compile cache is not counted exactly. */
  get env(): Record<string, string> {
    return { NODE_V8_COVERAGE: this.folder, NODE_DISABLE_COMPILE_CACHE: '1' };
  }

  /** Reads what the processes have written about files below `root`/`source`, and deletes it. */
  read(root: string, source: string): void {
    const prefix = `file://${root}/`;
    for (const name of readdirSync(this.folder)) {
      const { result } = JSON.parse(readFileSync(join(this.folder, name), 'utf8')) as Report;
      for (const { url, functions } of result) {
        if (!url.startsWith(`${prefix}${source}/`)) continue;
        const path = url.slice(prefix.length);
        const ranges = functions.flatMap((one) => one.ranges);
        this.#ranges.set(path, [...(this.#ranges.get(path) ?? []), ranges]);
      }
    }
    this.remove();
  }

  /** Whether any process ran the code at a position of a file, relative to the root. */
  ran(path: string, position: number): boolean {
    return (this.#ranges.get(path) ?? []).some((ranges) => countAt(ranges, position) > 0);
  }

  /** Deletes what the processes have written. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function countAt(ranges: readonly Range[], position: number): number {
  let innermost: Range | undefined;
  for (const range of ranges) {
    if (position < range.startOffset || position >= range.endOffset) continue;
    const size = range.endOffset - range.startOffset;
    if (innermost === undefined || size <= innermost.endOffset - innermost.startOffset) innermost = range;
  }
  return innermost?.count ?? 0;
}
