import type { NodeClient } from '@partway/client/node/index';
import { explain } from '../errors/explain.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { Interrupted } from '../process.ts';
import { expandPath, type NamedItem, withoutNested } from './globs.ts';

interface Options {
  /** Whether items that do not exist are not an error. */
  ignoreMissing?: boolean;
  /** Ends the lookup of paths. */
  signal?: AbortSignal;
  /** Whether items in folders of the list are left out, because `work` takes them along. */
  takesContents?: boolean;
  /** Returns advice that is added to the error for a path. */
  advise?: (path: string) => string | undefined;
}

/**
 * Calls `work` for each item that the paths refer to, in order. If one fails, its error is printed and the others are still
 * processed; the exit code of the command is then that of all failures if they agree, and otherwise 1.
 */
export async function forEachItem(
  { client }: { client: NodeClient },
  paths: readonly string[],
  work: (item: NamedItem) => Promise<void>,
  options: Options = {},
): Promise<void> {
  const codes = new ExitCodes(options);
  for (const path of paths) {
    await codes.collect(path, async () => {
      const items = await expandPath(client, path, { signal: options.signal });
      const targets = options.takesContents ? withoutNested(items) : items;
      for (const item of targets) await codes.collect(path, () => work(item));
    });
  }
  if (codes.combined !== EXIT.success) process.exitCode = codes.combined;
}

/** Prints errors, and combines their exit codes. */
class ExitCodes {
  readonly #options: Options;
  readonly #codes = new Set<ExitCode>();

  constructor(options: Options) {
    this.#options = options;
  }

  async collect(path: string, task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (error instanceof Interrupted) throw error;
      const { message, exitCode } = explain(error);
      const isMissing = exitCode === EXIT.notFound;
      if (isMissing && this.#options.ignoreMissing) return;
      const advice = isMissing ? this.#options.advise?.(path) : undefined;
      console.error(advice === undefined ? message : `${message}\n${advice}`);
      this.#codes.add(exitCode);
    }
  }

  get combined(): ExitCode {
    const [code, ...others] = this.#codes;
    return others.length > 0 ? EXIT.failed : (code ?? EXIT.success);
  }
}
