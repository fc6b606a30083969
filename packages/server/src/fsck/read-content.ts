import { createHash } from 'node:crypto';
import type { ContentId, Sha1 } from '@partway/protocol/ids';
import { codeOf } from '../util/system-error.ts';
import type { Check } from './context.ts';

/** What was found where bytes should be. */
export type ReadBack = { size: number; sha1: Sha1 } | 'missing' | { failure: string };

/** Reads bytes to their end, or says why that did not go. */
export async function readBack(
  open: () => Promise<AsyncIterable<Uint8Array>>,
  read: (bytes: number) => void,
): Promise<ReadBack> {
  const hash = createHash('sha1');
  let size = 0;
  try {
    for await (const chunk of await open()) {
      hash.update(chunk);
      size += chunk.length;
      read(chunk.length);
    }
  } catch (error) {
    return isAbsent(error) ? 'missing' : { failure: (error as Error).message };
  }
  return { size, sha1: hash.digest('hex') as Sha1 };
}

export function readContent({ content, read }: Check, id: ContentId): Promise<ReadBack> {
  return readBack(() => content.open(id), read);
}

/** What stores say, or what they say why, where something is not there. */
const ABSENT = new Set(['ENOENT', 'NoSuchKey', 'NotFound']);

function isAbsent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ABSENT.has(String(codeOf(error))) || isAbsent(error.cause);
}
