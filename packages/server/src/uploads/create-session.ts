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

/** A new file in a folder, or a new version of a file, which keeps its name if `name` is undefined. */
type NewUpload =
  | { caller: UserId; fileSize: number; folderId: ItemId; name: string }
  | { caller: UserId; fileSize: number; fileId: ItemId; name: string | undefined };

/** Checks the limits of the user and of the server for an upload of this size, regardless of its folder and name. */
export async function checkUploadLimits(
  { db, limits }: Pick<UploadContext, 'db' | 'limits'>,
  { caller, fileSize }: Pick<NewUpload, 'caller' | 'fileSize'>,
): Promise<void> {
  checkSize(limits, fileSize);
  await checkSpace(db, caller, fileSize, limits.userQuota, { maxItems: limits.items });
}

/** Creates a session. Checks the name, the limits and the quota, creates the staged blob, and writes the row. */
export async function createSession(context: UploadContext, upload: NewUpload): Promise<Session> {
  const { db, blobs, inFlight, limits, clock } = context;
  checkSize(limits, upload.fileSize);
  await checkSessionLimits(db, upload.caller, limits, upload.fileSize);
  const target = await getTarget(context, upload);
  await checkSpace(db, upload.caller, upload.fileSize, limits.userQuota, { maxItems: limits.items });

  const layout = planParts(upload.fileSize, limits.partSize);
  const blob = newBlobId();
  using _tracking = inFlight.track(blob);
  const createdAt = clock.lifetimesFrom();
  await recordBlob(db, { blob, owner: upload.caller }, createdAt);
  const staged = await blobs.create(blob, layout).catch(async (error: unknown) => {
    // After a known error, nothing was created. After any other error, garbage collection deletes what there may be.
    if (error instanceof KnownError) await discardBlob({ db, blobs }, blob).catch(() => {});
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
    // If this fails too, garbage collection deletes the staged blob.
    await blobs.remove(staged).catch(() => {});
    await discardBlob({ db, blobs }, staged).catch(() => {});
    throw error;
  }
  return session;
}

/** True if the row was written, and only the database's response was lost. If this query fails too, the bytes stay. */
async function isOpen(db: Kysely<Tables>, id: SessionId): Promise<boolean> {
  return (await findSession(db, id))?.state === 'open';
}

function checkSize(limits: UploadLimits, fileSize: number): void {
  if (fileSize > limits.maxFileSize) {
    throw new DomainError(
      'file-too-large',
      `The file has ${fileSize} bytes; this server accepts files of up to ${limits.maxFileSize} bytes.`,
    );
  }
  if (fileSize < limits.minFileSize) {
    throw new DomainError(
      'file-too-small',
      `Upload sessions are for files of ${limits.minFileSize} bytes or more. Upload smaller files to /files/content.`,
    );
  }
}

async function getTarget({ db }: UploadContext, upload: NewUpload): Promise<Target> {
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
