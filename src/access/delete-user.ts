import type { Transaction } from 'kysely';
import type { ContentId, UserId } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';
import { dropContents } from '../files/drop-contents.ts';
import type { Files } from '../files/files.ts';
import { holdTree } from '../files/hold-tree.ts';
import type { Tables, UserRole, UserRow } from '../sql/tables.ts';
import { dropBytes } from '../uploads/drop-bytes.ts';
import { type Session, sessionOfRow } from '../uploads/session.ts';
import type { Uploads } from '../uploads/uploads.ts';
import type { Access } from './access.ts';
import { checkAdministers, isKeptByServer } from './administrator.ts';
import { endTokensOf } from './end-tokens.ts';
import { findUser } from './records.ts';

/** How many contents and uploads a deletion removes itself, so that it ends soon; what is more the sweep finds. */
const REMOVED_AT_ONCE = 1000;

interface Rooms {
  access: Access;
  files: Files;
  uploads: Uploads;
}

/** What the rows named, whose bytes nothing may need any more. */
interface Left {
  contents: ContentId[];
  sessions: Session[];
  tokens: string[];
}

/**
 * Deletes a user for good: tokens, uploads and, with `force`, all files and folders, also from the trash. Rows first, in
 * one transaction, then the bytes that no version names any more; a crash between leaves those to the sweep. Refuses
 * `not_found`; `bad_request` without `force` where anything is left; the developer and the users of apps as
 * `access_denied_insufficient_permissions`, and who is not for this administrator to delete (`checkAdministers`).
 * @param request `by` says how far the caller administers.
 */
export async function deleteUser(
  { access, files, uploads }: Rooms,
  userId: UserId,
  { force, by }: { force: boolean; by: UserRole },
): Promise<void> {
  const left = await access.db.transaction().execute(async (tx) => {
    await holdTree(tx, userId);
    const user = await findUser(tx, userId);
    if (user === undefined) throw new Refusal('not_found', 'There is no such user.');
    await checkAdministers(tx, by, user);
    if (await isKeptByServer(tx, user)) throw userStays();
    if (!force && (await ownsAnything(tx, user))) throw ownsFiles();
    return deleteRows(tx, userId);
  });
  access.cache.deleteAll(left.tokens);
  for (const { id, staging } of left.sessions) {
    uploads.follower.forget(id);
    await dropBytes(uploads, staging);
  }
  await dropContents(files, left.contents);
}

/** Whatever a user owns lies below their root, also what is in the trash. */
async function ownsAnything(tx: Transaction<Tables>, user: UserRow): Promise<boolean> {
  const item = await tx.selectFrom('items').select('id').where('parent_id', '=', user.root_id).executeTakeFirst();
  return item !== undefined || (await openSessions(tx, user.id).executeTakeFirst()) !== undefined;
}

async function deleteRows(tx: Transaction<Tables>, userId: UserId): Promise<Left> {
  const sessions = await openSessions(tx, userId).limit(REMOVED_AT_ONCE).execute();
  const contents = await tx
    .selectFrom('versions')
    .innerJoin('items', 'items.id', 'versions.file_id')
    .where('items.owner_id', '=', userId)
    .select('versions.content_id')
    .distinct()
    .limit(REMOVED_AT_ONCE)
    .execute();
  await tx
    .deleteFrom('versions')
    .where('file_id', 'in', (query) => query.selectFrom('items').select('items.id').where('owner_id', '=', userId))
    .execute();
  await tx.deleteFrom('locks').where('created_by', '=', userId).execute();
  await tx.deleteFrom('items').where('owner_id', '=', userId).execute();
  await tx.deleteFrom('upload_sessions').where('owner_id', '=', userId).execute();
  const tokens = await endTokensOf(tx, userId);
  await tx.deleteFrom('users').where('id', '=', userId).execute();
  return { contents: contents.map((row) => row.content_id), sessions: sessions.map(sessionOfRow), tokens };
}

function openSessions(tx: Transaction<Tables>, userId: UserId) {
  return tx.selectFrom('upload_sessions').selectAll().where('owner_id', '=', userId).where('state', '=', 'open');
}

function userStays(): Refusal {
  return new Refusal(
    'access_denied_insufficient_permissions',
    'The developer and the users of apps cannot be deleted: the server needs them.',
  );
}

function ownsFiles(): Refusal {
  return new Refusal(
    'bad_request',
    'User has managed content: files, folders, a trash or uploads. Empty them first, or delete all of it with force=true.',
  );
}
