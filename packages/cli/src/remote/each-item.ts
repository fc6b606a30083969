import type { NodeClient } from '@partway/client/node/index';
import { explain } from '../errors/explain.ts';
import { combineExitCodes, EXIT, type ExitCode } from '../exit-codes.ts';
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
  const codes: ExitCode[] = [];
  const attempt = async (path: string, task: () => Promise<void>) => {
    try {
      await task();
    } catch (error) {
      const code = printFailure(path, error, options);
      if (code !== undefined) codes.push(code);
    }
  };
  for (const path of paths) {
    await attempt(path, async () => {
      const items = await expandPath(client, path, { signal: options.signal });
      const targets = options.takesContents ? withoutNested(items) : items;
      for (const item of targets) await attempt(path, () => work(item));
    });
  }
  if (codes.length > 0) process.exitCode = combineExitCodes(codes);
}

/** Returns the exit code; undefined if the error does not count. An interruption is thrown on. */
function printFailure(path: string, error: unknown, { signal, ignoreMissing, advise }: Options): ExitCode | undefined {
  signal?.throwIfAborted();
  if (error instanceof Interrupted) throw error;
  const { message, exitCode } = explain(error);
  const isMissing = exitCode === EXIT.notFound;
  if (isMissing && ignoreMissing) return undefined;
  const advice = isMissing ? advise?.(path) : undefined;
  console.error(advice === undefined ? message : `${message}\n${advice}`);
  return exitCode;
}
