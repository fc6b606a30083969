import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ItemId,
  type Millis,
  type SessionId,
  type Sha1,
  sha1ToBase64,
  type UserId,
  type VersionId,
} from '@partway/protocol/ids';
import type { ItemDetails } from '@partway/protocol/item-details';
import { DomainError } from '../errors.ts';
import { findFile } from '../files/find.ts';
import { matchesEtag } from '../files/get-item.ts';
import { publishNewFile, publishNewVersion } from '../files/publish.ts';
import type { VersionChange } from '../files/versions.ts';
import { checkListedParts, completeBlob, type ListedPart, MissingPartsError } from './check-listed-parts.ts';
import type { UploadContext } from './context.ts';
import { deleteStagedBytes, forgetSession } from './end-session.ts';
import { getOwnSession, sessionEndedError } from './find-session.ts';
import { findHashCheckpoint, type HashCheckpoint } from './hashing/checkpoint.ts';
import { discardLostParts, partsChangedError } from './lost-parts.ts';
import type { Session, StoredPart, Target } from './session.ts';
import { findSession, listParts, setCommitted } from './session-store.ts';

export interface CommitRequest {
  caller: UserId;
  session: SessionId;
  /** SHA-1 of the whole file, as the client knows it. */
  sha1: Sha1;
  parts: readonly ListedPart[];
  attributes: {
    /** Instead of the name that the session was made with. */
    name?: string;
    contentCreatedAt?: Millis;
    contentModifiedAt?: Millis;
    description?: string;
    details?: Partial<ItemDetails>;
  };
  /** For a new version: the file's etag must be this one. */
  ifMatch: string | undefined;
  /** For a new version: the file's etag must be none of these. */
  ifNoneMatch: string | undefined;
  /** How long to wait in all, for parts on their way and for the whole-file digest, before saying "later". */
  timeout: Millis;
}

export interface Committed {
  fileId: ItemId;
  versionId: VersionId;
}

/**
 * Makes the file: the digest of the whole agrees → seal the bytes → one transaction names them. Committed again with
 * the same digest, it answers the same file. Undefined where the digest is not ready yet; nothing is lost then, and
 * the call may be repeated. Whatever it refuses, the session stays open and can still be committed rightly.
 */
export function commit(context: UploadContext, request: CommitRequest): Promise<Committed | undefined> {
  const deadline = performance.now() + request.timeout;
  const timeout = () => Math.max(0, deadline - performance.now());
  return context.commits.run(request.session, () => commitSerially(context, request, timeout));
}

async function commitSerially(
  context: UploadContext,
  request: CommitRequest,
  timeout: () => Millis,
): Promise<Committed | undefined> {
  const session = await getOwnSession(context, request.caller, request.session);
  if (session.committed !== undefined) return sameFile(session.committed, request.sha1);

  try {
    return await makeFile(context, session, request, timeout);
  } catch (error) {
    return resolveFailure(context, session, request.sha1, error);
  }
}

async function makeFile(
  context: UploadContext,
  session: Session,
  request: CommitRequest,
  timeout: () => Millis,
): Promise<Committed | undefined> {
  const { blobs, hasher } = context;
  const parts = await storedParts(context, session, timeout);
  checkListedParts(session.staged.layout, parts, request.parts);
  const whole = await hasher.finish(session, parts, timeout());
  if (whole === undefined) return undefined;
  assertDigest(whole.sha1, request.sha1);
  await assertNoneMatch(context, session, request.ifNoneMatch);

  await completeBlob(blobs, session, parts);
  const committed = await publish(context, session, request, whole.checkpoint);
  forgetSession(context, session.id);
  return committed;
}

/**
 * Whatever went wrong, the session may have ended meanwhile, and then that is the answer: committed by another node, it
 * is the same file; aborted or expired, it is gone, and so are bytes that this commit may have sealed after they went.
 */
async function resolveFailure(
  context: UploadContext,
  session: Session,
  sha1: Sha1,
  error: unknown,
): Promise<Committed> {
  const now = await findSession(context.db, session.id);
  if (now?.state === 'open')
    throw error instanceof MissingPartsError ? await discardLostParts(context, now, error) : error;
  forgetSession(context, session.id);
  if (now?.committed !== undefined) return sameFile(now.committed, sha1);
  await deleteStagedBytes(context, session.staged);
  throw await sessionEndedError(context, session);
}

/** Every part stored so far; waits for those on their way where some are still missing, but not for one that is stuck. */
async function storedParts(
  { db, partLocks, registry }: UploadContext,
  session: Session,
  timeout: () => Millis,
): Promise<StoredPart[]> {
  const { id } = session;
  const { partCount: slots } = session.staged.layout;
  const parts = await listParts(db, id);
  if (parts.length === slots) return parts;
  const over = new AbortController();
  const tooLong = sleep(timeout(), undefined, { ref: false, signal: over.signal }).catch(() => {});
  await Promise.race([partLocks.waitIdle(id), tooLong]).finally(() => over.abort());
  // At other nodes, as far as their rows tell: a body that is still coming in there is not waited for.
  for (let pause = 50; timeout() > 0 && (await registry.hasReservations(id)); pause = Math.min(2 * pause, 1_000)) {
    await sleep(Math.min(pause, timeout()));
  }
  return listParts(db, id);
}

function assertDigest(whole: Sha1, claimed: Sha1): void {
  if (whole === claimed) return;
  throw new DomainError(
    'digest-mismatch',
    `The digest header says sha=${sha1ToBase64(claimed)}; the uploaded parts make sha=${sha1ToBase64(whole)}. Nothing is lost: commit again with the right digest.`,
    { context: { expected: sha1ToBase64(claimed), actual: sha1ToBase64(whole) } },
  );
}

async function assertNoneMatch(
  { db }: UploadContext,
  { target, owner }: Session,
  etags: string | undefined,
): Promise<void> {
  if (etags === undefined || target.kind === 'file') return;
  const file = await findFile(db, owner, target.fileId);
  if (file === undefined || !matchesEtag(etags, file.etag)) return;
  throw new DomainError('precondition-failed', `The file's etag is ${file.etag}, which If-None-Match excludes.`);
}

function sameFile(committed: NonNullable<Session['committed']>, claimed: Sha1): Committed {
  assertDigest(committed.sha1, claimed);
  return committed;
}

async function publish(
  context: UploadContext,
  session: Session,
  request: CommitRequest,
  checkpoint: HashCheckpoint | undefined,
): Promise<Committed> {
  const { db, clock, limits } = context;
  const { target, staged } = session;
  const { contentCreatedAt, contentModifiedAt, ...shown } = request.attributes;
  const made = {
    blob: staged.blob,
    size: staged.layout.fileSize,
    sha1: request.sha1,
    by: session.owner,
    now: clock.now(),
    locksAt: clock.expiryTime(),
    reserved: session.staged.layout.fileSize,
    maxItems: limits.items,
    ...(contentCreatedAt !== undefined && { contentCreatedAt }),
    ...(contentModifiedAt !== undefined && { contentModifiedAt }),
  };
  return db.transaction().execute(async (tx) => {
    const file =
      target.kind === 'file'
        ? await publishNewFile(tx, { ...target, ...shown }, made)
        : await publishNewVersion(tx, target.fileId, versionChange(target, request), made);
    const won = await setCommitted(tx, session.id, { ...file, sha1: request.sha1 }, checkpoint);
    // Rolls back: a session that is no longer open publishes nothing, nor does a digest of parts that were lost since.
    if (!won)
      throw (await findHashCheckpoint(tx, session.id)) === undefined
        ? await sessionEndedError({ db: tx }, session)
        : partsChangedError();
    return file;
  });
}

function versionChange(target: Target, { ifMatch, attributes }: CommitRequest): VersionChange {
  const { description, details } = attributes;
  const name = attributes.name ?? target.name;
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(details !== undefined && { details }),
    ...(ifMatch !== undefined && { ifMatch }),
  };
}
