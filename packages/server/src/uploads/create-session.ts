import { randomBytes } from 'node:crypto';
import type { ItemId, SessionId, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { DomainError, KnownError } from '../errors.ts';
import { discardBlob, recordBlob } from '../files/blobs.ts';
import { checkPlace } from '../files/check-place.ts';
import { findFile } from '../files/find.ts';
import { assertValidName } from '../files/names.ts';
import { checkSpace } from '../files/quota.ts';
import { newBlobId } from '../storage/blob-store.ts';
import type { UploadContext, UploadLimits } from './context.ts';
import { planParts } from './part-layout.ts';
import type { Session, Target } from './session.ts';
import { checkSessionLimits } from './session-limits.ts';
import { findSession, insertSession } from './session-store.ts';

/** A new file in a folder, or a new version of a file (which then keeps its name unless another is given). */
type NewUpload =
  | { caller: UserId; fileSize: number; folderId: ItemId; name: string }
  | { caller: UserId; fileSize: number; fileId: ItemId; name: string | undefined };

/** Refuses an upload that a limit of its user or of the server forbids, whatever its place and name. Changes nothing. */
export async function checkUploadLimits(
  { db, limits }: Pick<UploadContext, 'db' | 'limits'>,
  { caller, fileSize }: Pick<NewUpload, 'caller' | 'fileSize'>,
): Promise<void> {
  checkSize(limits, fileSize);
  await checkSpace(db, caller, fileSize, limits.userQuota, { mostItems: limits.items });
}

/** Opens a session: the name is free, there is room for the bytes, and the row says so. */
export async function createSession(context: UploadContext, upload: NewUpload): Promise<Session> {
  const { db, blobs, inFlight, limits, clock } = context;
  checkSize(limits, upload.fileSize);
  await checkSessionLimits(db, upload.caller, limits, upload.fileSize);
  const target = await targetOf(context, upload);
  await checkSpace(db, upload.caller, upload.fileSize, limits.userQuota, { mostItems: limits.items });

  const layout = planParts(upload.fileSize, limits.partSize);
  const id = newBlobId();
  using _held = inFlight.track(id);
  const createdAt = clock.lifetimesFrom();
  await recordBlob(db, { blob: id, owner: upload.caller }, createdAt);
  const staged = await blobs.create(id, layout).catch(async (error: unknown) => {
    // Refused, it has left nothing. After any other failure nobody knows: the sweep deletes what is there.
    if (error instanceof KnownError) await discardBlob({ db, blobs }, id).catch(() => {});
    throw error;
  });
  const session: Session = {
    id: newSessionId(),
    owner: upload.caller,
    state: 'open',
    staged,
    expiresAt: createdAt + limits.sessionLifetime,
    target,
    committed: undefined,
  };
  try {
    await insertSession(db, session, createdAt, limits);
  } catch (error) {
    if (await isOpen(db, session.id)) return session;
    // Without a row nothing will ever name these bytes; should this fail too, the sweep deletes them.
    await blobs.remove(staged).catch(() => {});
    await discardBlob({ db, blobs }, staged).catch(() => {});
    throw error;
  }
  return session;
}

/** Whether the row was written, and only the word of it was lost. Rejects where that cannot be said: the bytes stay then. */
async function isOpen(db: Kysely<Tables>, id: SessionId): Promise<boolean> {
  return (await findSession(db, id))?.state === 'open';
}

function checkSize(limits: UploadLimits, fileSize: number): void {
  if (fileSize > limits.maxFileSize) {
    throw new DomainError('file-too-large', `A file may have ${limits.maxFileSize} bytes here, not ${fileSize}.`);
  }
  if (fileSize < limits.minFileSize) {
    throw new DomainError(
      'file-too-small',
      `An upload session is for files of ${limits.minFileSize} bytes and more; send this one to /files/content.`,
    );
  }
}

async function targetOf({ db }: UploadContext, upload: NewUpload): Promise<Target> {
  if ('folderId' in upload) {
    const { caller, folderId, name } = upload;
    assertValidName(name);
    await checkPlace(db, { owner: caller, folderId, name }, 'parent-not-found');
    return { kind: 'file', folderId, name };
  }
  const { caller, fileId } = upload;
  const file = await findFile(db, caller, fileId);
  if (file === undefined || file.parent_id === null) throw new DomainError('not-found', `There is no file ${fileId}.`);
  if (file.trashed_at !== null) throw new DomainError('trashed', `The file ${fileId} is in the trash.`);
  const { name } = upload;
  if (name !== undefined) {
    assertValidName(name);
    await checkPlace(db, { owner: caller, folderId: file.parent_id, name, except: fileId }, 'not-found');
  }
  return { kind: 'version', folderId: file.parent_id, fileId, name };
}

function newSessionId(): SessionId {
  return randomBytes(16).toString('hex').toUpperCase() as SessionId;
}
