import type { FileObject } from '../../client/node/index.ts';
import { MOST_NAMES, numberedName } from '../../client/upload/numbered-name.ts';
import { findByName } from '../remote/find-by-name.ts';
import type { LocalFile } from './local-files.ts';
import type { UploadOrder } from './upload-one.ts';

/**
 * The file on the server that this one has become in an earlier run, told by size and SHA-1: the one of its name, or with
 * `rename` one of the names that would be tried in turn. No file there stands for two of one run: who asks for `rename` wants
 * each of them. The local file is read once, and only where something of its size is in the way.
 */
export async function sameThere(
  { client, folders, conflict, claimed }: Pick<UploadOrder, 'client' | 'folders' | 'conflict' | 'claimed'>,
  file: LocalFile,
  name: string,
): Promise<FileObject | undefined> {
  const folderId = await folders.idOf(file.folders);
  const renames = conflict === 'rename';
  let sha1: string | undefined;
  for (let number = 0; number <= (renames ? MOST_NAMES : 0); number += 1) {
    const taken = await findByName(client, folderId, numberedName(name, number));
    if (taken === undefined) return undefined;
    if (taken.type !== 'file') continue;
    const there = await client.files.getFileById(taken.id);
    if (there.size !== file.size || (renames && claimed.has(there.id))) continue;
    sha1 ??= await file.sha1();
    if (there.sha1 !== sha1) continue;
    claimed.add(there.id);
    return there;
  }
  return undefined;
}
