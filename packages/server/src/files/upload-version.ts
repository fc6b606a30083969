import type { ItemId } from '@partway/protocol/ids';
import { checkVersion, type VersionChange } from './check-version.ts';
import type { Files } from './context.ts';
import { storeContent, type WholeBody } from './direct-upload.ts';
import { type Published, publishNewVersion } from './publish.ts';

/** Makes a body that comes in one piece the new version of a file. Refuses as `checkVersion` and `storeContent` do. */
export async function uploadVersion(
  files: Files,
  fileId: ItemId,
  change: VersionChange,
  body: WholeBody,
): Promise<Published> {
  await checkVersion(files.db, body.caller, fileId, change);
  return storeContent(files, body, (tx, made) => publishNewVersion(tx, fileId, change, made));
}
