import { MOST_NAMES, numberedName } from '@partway/client/upload/conflict';
import type { LocalFile } from './local-files.ts';
import type { Listing, RemoteItem } from './remote-listing.ts';
import type { UploadOrder } from './upload-one.ts';

/** What is known of a file's names on the server before anything is sent. */
export interface Standing {
  /** The file there that this one has become in an earlier run. */
  same: RemoteItem | undefined;
  /** What has the names that were gone through, by name. */
  taken: ReadonlyMap<string, RemoteItem>;
}

/**
 * Finds the file on the server that this one has become in an earlier run, told by size and then SHA-1: the one of its name,
 * or with `rename` one of the names that would be tried in turn. No file there stands for two of one run: `rename` wants each of
 * them. The local file is read once, and only where something of its size is in the way.
 */
export async function findUploaded(
  { conflict, claimed }: Pick<UploadOrder, 'conflict' | 'claimed'>,
  listing: Listing,
  file: LocalFile,
  name: string,
): Promise<Standing> {
  const renames = conflict === 'rename';
  const taken = new Map<string, RemoteItem>();
  let sha1: string | undefined;
  for (let number = 0; number <= (renames ? MOST_NAMES : 0); number += 1) {
    const called = numberedName(name, number);
    const there = await listing.find(called);
    if (there === undefined) break;
    taken.set(called, there);
    if (there.type !== 'file' || there.size !== file.size || (renames && claimed.has(there.id))) continue;
    sha1 ??= await file.sha1();
    if (there.sha1 !== sha1) continue;
    claimed.add(there.id);
    return { same: there, taken };
  }
  return { same: undefined, taken };
}
