import { setTimeout as sleep } from 'node:timers/promises';
import { exponentialDelay } from '@partway/protocol/backoff';
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
import { withTimeout } from '../util/timeout.ts';
import { checkListedParts, completeBlob, type ListedPart, MissingPartsError } from './check-listed-parts.ts';
import type { UploadContext } from './context.ts';
import { deleteStagedBytes, forgetSession } from './end-session.ts';
import { getOwnSession, sessionEndedError } from './get-session.ts';
import { findHashCheckpoint, type HashCheckpoint } from './hashing/checkpoint.ts';
import { discardLostParts, partsChangedError } from './lost-parts.ts';
import type { Session, StoredPart, Target } from './session.ts';
import { findSession, listParts, setCommitted } from './session-store.ts';

/** Between two checks for parts that other nodes are storing. */
const PAUSES = { first: 50, max: 1_000 };

export interface CommitRequest {
  caller: UserId;
  session: SessionId;
  /** The client's SHA-1 of the whole file. */
  sha1: Sha1;
  parts: readonly ListedPart[];
  attributes: {
    /** Replaces the name given when the session was created. */
    name?: string;
    contentCreatedAt?: Millis;
    contentModifiedAt?: Millis;
    description?: string;
    details?: Partial<ItemDetails>;
  };
  /** For a new version: the commit fails if the file has another etag. */
  ifMatch: string | undefined;
  /** For a new version: the commit fails if the file has one of these etags. */
  ifNoneMatch: string | undefined;
  /** Maximum time to wait for parts in progress and for the whole-file hash. */
  timeout: Millis;
}

export interface Committed {
  fileId: ItemId;
  versionId: VersionId;
}

/**
 * Creates the file, or the new version of a file. Compares the whole-file hash, completes the blob, and publishes it in one
 * transaction. If the session is already committed with the same digest, returns the same file again. Returns undefined if
 * the hash is not ready within the timeout; the call can be repeated. If the commit fails with an error, the session stays
 * open, unless it has ended.
 */
export function commit(context: UploadContext, request: CommitRequest): Promise<Committed | undefined> {
  const deadline = performance.now() + request.timeout;
  const timeLeft = () => Math.max(0, deadline - performance.now());
  return context.commits.run(request.session, () => commitSerially(context, request, timeLeft));
}

async function commitSerially(
  context: UploadContext,
  request: CommitRequest,
  timeLeft: () => Millis,
): Promise<Committed | undefined> {
  const session = await getOwnSession(context, request.caller, request.session);
  if (session.committed !== undefined) return getCommitted(session.committed, request.sha1);

  try {
    return await createFile(context, session, request, timeLeft);
  } catch (error) {
    return resolveFailure(context, session, request.sha1, error);
  }
}

async function createFile(
  context: UploadContext,
  session: Session,
  request: CommitRequest,
  timeLeft: () => Millis,
): Promise<Committed | undefined> {
  const { blobs, hasher } = context;
  const parts = await listPartsWhenIdle(context, session, timeLeft);
  checkListedParts(session.staged.layout, parts, request.parts);
  const digest = await hasher.finish(session, parts, timeLeft());
  if (digest === undefined) return undefined;
  assertDigest(digest.sha1, request.sha1);
  await assertNoneMatch(context, session, request.ifNoneMatch);

  await completeBlob(blobs, session, parts);
  const committed = await publish(context, session, request, digest.checkpoint);
  forgetSession(context, session.id);
  return committed;
}

/**
 * After any error, the session may have ended, and that determines the result. If another node has committed it, returns
 * that file. If it was aborted or has expired, deletes its bytes, since this commit may have completed the blob after they
 * were deleted, and throws.
 */
async function resolveFailure(
  context: UploadContext,
  session: Session,
  sha1: Sha1,
  error: unknown,
): Promise<Committed> {
  const current = await findSession(context.db, session.id);
  if (current?.state === 'open') {
    throw error instanceof MissingPartsError ? await discardLostParts(context, current, error) : error;
  }
  forgetSession(context, session.id);
  if (current?.committed !== undefined) return getCommitted(current.committed, sha1);
  await deleteStagedBytes(context, session.staged);
  throw await sessionEndedError(context, session);
}

/** Lists the stored parts. If some are missing, first waits for parts in progress, but no longer than the time left. */
async function listPartsWhenIdle(
  { db, partLocks, registry }: UploadContext,
  session: Session,
  timeLeft: () => Millis,
): Promise<StoredPart[]> {
  const { id } = session;
  const parts = await listParts(db, id);
  if (parts.length === session.staged.layout.partCount) return parts;
  await withTimeout(partLocks.waitIdle(id), timeLeft(), () => {});
  // Other nodes have a row for a part once its body is complete. Bodies that are still arriving there are not waited for.
  for (let checks = 1; timeLeft() > 0 && (await registry.hasReservations(id)); checks += 1) {
    await sleep(Math.min(exponentialDelay(checks, PAUSES), timeLeft()));
  }
  return listParts(db, id);
}

function assertDigest(actual: Sha1, expected: Sha1): void {
  if (actual === expected) return;
  throw new DomainError(
    'digest-mismatch',
    `The digest header has sha=${sha1ToBase64(expected)}, but the digest of the uploaded parts is sha=${sha1ToBase64(actual)}. The session stays open: commit again with the right digest.`,
    { context: { expected: sha1ToBase64(expected), actual: sha1ToBase64(actual) } },
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

function getCommitted(committed: NonNullable<Session['committed']>, expected: Sha1): Committed {
  assertDigest(committed.sha1, expected);
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
  const { contentCreatedAt, contentModifiedAt, ...attributes } = request.attributes;
  const blob = {
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
        ? await publishNewFile(tx, { ...target, ...attributes }, blob)
        : await publishNewVersion(tx, target.fileId, createVersionChange(target, request), blob);
    const isCommitted = await setCommitted(tx, session.id, { ...file, sha1: request.sha1 }, checkpoint);
    // Rolls back the file if the session is no longer open, or if parts were lost after the hash was computed.
    if (!isCommitted) {
      throw (await findHashCheckpoint(tx, session.id)) === undefined
        ? await sessionEndedError({ db: tx }, session)
        : partsChangedError();
    }
    return file;
  });
}

function createVersionChange(target: Target, { ifMatch, attributes }: CommitRequest): VersionChange {
  const { description, details } = attributes;
  const name = attributes.name ?? target.name;
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(details !== undefined && { details }),
    ...(ifMatch !== undefined && { ifMatch }),
  };
}
