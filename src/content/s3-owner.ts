import type { S3Keys } from './s3-keys.ts';
import type { S3Objects } from './s3-objects.ts';

/**
 * A prefix belongs to one database: another one's sweep would take all of its contents for garbage. The first database
 * writes its id beside the contents; refuses any other one's, and contents of whom nobody says whose they are.
 */
export async function checkStoreOwner(
  objects: S3Objects,
  keys: S3Keys,
  where: string,
  databaseId: string,
): Promise<void> {
  const found = await objects.getText(keys.owner);
  if (found === undefined) {
    await takePossession(objects, keys, where, databaseId);
    return checkStoreOwner(objects, keys, where, databaseId);
  }
  const owner = ownerIn(found);
  if (owner === databaseId) return;
  throw new Error(
    `${where} belongs to another database (${owner ?? 'unreadable'} in ${keys.owner}; this one is ${databaseId}). Starting ` +
      'would remove the files of that one, since nothing here names them. Give this server a prefix of its own in ' +
      'PARTWAY_STORAGE, or the database that belongs to this one. Only if that database is gone for good and its files ' +
      `may go: remove ${keys.owner} and everything under ${keys.contents}.`,
  );
}

async function takePossession(objects: S3Objects, keys: S3Keys, where: string, databaseId: string): Promise<void> {
  const content = await objects.some(keys.contents);
  if (content !== undefined) {
    throw new Error(
      `${where} holds files (${content}), but ${keys.owner}, which says whose they are, is gone. If they are this ` +
        `database's, put the object back: {"database":"${databaseId}"}. If not, give this server another prefix.`,
    );
  }
  const text = JSON.stringify({ database: databaseId, since: new Date().toISOString() });
  await objects.putText(keys.owner, text);
}

function ownerIn(text: string): string | undefined {
  try {
    const { database } = JSON.parse(text) as { database?: unknown };
    return typeof database === 'string' ? database : undefined;
  } catch {
    return undefined;
  }
}
