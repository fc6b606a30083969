import { parentKeys } from '../../remote/paths.ts';
import { forEachConcurrently } from '../for-each-concurrently.ts';
import type { Tree, TreeEntry } from './tree.ts';

/** How many files are compared concurrently. */
const MAX_COMPARED = 256;

/** The same path in both folders. */
export interface Pair {
  source: TreeEntry;
  destination: TreeEntry;
}

export interface Comparison {
  /** Number of files that are identical. */
  same: number;
  /** In the order of the source: folders before their items. */
  missing: TreeEntry[];
  /** Files with different contents. */
  different: Pair[];
  /** For example a file and a folder. */
  otherKind: Pair[];
  /** Only in the destination, folders before their items. */
  extra: TreeEntry[];
}

interface Compare {
  signal: AbortSignal;
  /** Called for a file that cannot be read. */
  onError(path: string, error: unknown): void;
}

/** Compares two folders by size and then by SHA-1. */
export async function compareTrees(source: Tree, destination: Tree, options: Compare): Promise<Comparison> {
  const pairs: Pair[] = [];
  const result: Comparison = { same: 0, missing: [], different: [], otherKind: [], extra: [] };
  for (const [key, entry] of source.entries) {
    const other = destination.entries.get(key);
    if (other === undefined) {
      // What is not sent, such as a link, cannot be missing.
      if (entry.kind !== 'other') result.missing.push(entry);
    } else if (entry.kind !== other.kind) result.otherKind.push({ source: entry, destination: other });
    else if (entry.kind === 'file') pairs.push({ source: entry, destination: other });
  }
  for (const [key, entry] of destination.entries) {
    if (!source.entries.has(key) && entry.kind !== 'other' && !isInOther(source, key)) result.extra.push(entry);
  }
  await compareFiles(pairs, result, options);
  return result;
}

/** Whether one of the folders around it is something else in the tree, such as a link to a folder. */
function isInOther({ entries }: Tree, key: string): boolean {
  return [...parentKeys(key)].some((parent) => entries.get(parent)?.kind === 'other');
}

async function compareFiles(pairs: readonly Pair[], result: Comparison, { signal, onError }: Compare): Promise<void> {
  const differs = new Set<Pair>();
  const compare = async (pair: Pair) => {
    try {
      if (await isSame(pair)) result.same += 1;
      else differs.add(pair);
    } catch (error) {
      onError(pair.source.path, error);
    }
  };
  await forEachConcurrently(iterate(pairs), { max: MAX_COMPARED }, compare, signal);
  signal.throwIfAborted();
  result.different = pairs.filter((pair) => differs.has(pair));
}

async function isSame({ source, destination }: Pair): Promise<boolean> {
  if (source.size !== destination.size) return false;
  const [one, other] = await Promise.all([source.sha1(), destination.sha1()]);
  return one === other;
}

async function* iterate<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}
