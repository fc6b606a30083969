import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '@partway/protocol/errors';
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
import { findFile } from '../files/find.ts';
import { namesEtag } from '../files/find-item.ts';
import { publishNewFile, publishNewVersion } from '../files/publish.ts';
import type { VersionChange } from '../files/versions.ts';
import { checkListedParts, GoneParts, type ListedPart, sealParts } from './check-listed-parts.ts';
import type { Uploads } from './context.ts';
import { dropBytes, forget } from './end-session.ts';
import { endOf, findOwnSession } from './find-session.ts';
import { type DigestMark, findMark } from './hashing/checkpoint.ts';
import { forgetLostParts, sentAgain } from './lost-parts.ts';
import type { Session, StoredPart, Target } from './session.ts';
import { findSession, listParts, markCommitted } from './session-store.ts';

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
  patience: Millis;
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
export function commit(uploads: Uploads, request: CommitRequest): Promise<Committed | undefined> {
  const deadline = performance.now() + request.patience;
  const patience = () => Math.max(0, deadline - performance.now());
  return uploads.commits.run(request.session, () => commitAlone(uploads, request, patience));
}

async function commitAlone(
  uploads: Uploads,
  request: CommitRequest,
  patience: () => Millis,
): Promise<Committed | undefined> {
  const session = await findOwnSession(uploads, request.caller, request.session);
  if (session.committed !== undefined) return sameFile(session.committed, request.sha1);

  try {
    return await makeFile(uploads, session, request, patience);
  } catch (error) {
    return unlessEnded(uploads, session, request.sha1, error);
  }
}

async function makeFile(
  uploads: Uploads,
  session: Session,
  request: CommitRequest,
  patience: () => Millis,
): Promise<Committed | undefined> {
  const { content, follower } = uploads;
  const parts = await storedParts(uploads, session, patience);
  checkListedParts(session.staging.grid, parts, request.parts);
  const whole = await follower.digestOf(session, parts, patience());
  if (whole === undefined) return undefined;
  checkWhole(whole.sha1, request.sha1);
  await checkNoneMatches(uploads, session, request.ifNoneMatch);

  await sealParts(content, session, parts);
  const committed = await publish(uploads, session, request, whole.mark);
  forget(uploads, session.id);
  return committed;
}

/**
 * Whatever went wrong, the session may have ended meanwhile, and then that is the answer: committed by another node, it
 * is the same file; aborted or expired, it is gone, and so are bytes that this commit may have sealed after they went.
 */
async function unlessEnded(uploads: Uploads, session: Session, sha1: Sha1, error: unknown): Promise<Committed> {
  const now = await findSession(uploads.db, session.id);
  if (now?.state === 'open') throw error instanceof GoneParts ? await forgetLostParts(uploads, now, error) : error;
  forget(uploads, session.id);
  if (now?.committed !== undefined) return sameFile(now.committed, sha1);
  await dropBytes(uploads, session.staging);
  throw await endOf(uploads, session);
}

/** Every part stored so far; waits for those on their way where some are still missing, but not for one that is stuck. */
async function storedParts(
  { db, claims, ledger }: Uploads,
  session: Session,
  patience: () => Millis,
): Promise<StoredPart[]> {
  const { id } = session;
  const { slots } = session.staging.grid;
  const parts = await listParts(db, id);
  if (parts.length === slots) return parts;
  const over = new AbortController();
  const tooLong = sleep(patience(), undefined, { ref: false, signal: over.signal }).catch(() => {});
  await Promise.race([claims.settled(id), tooLong]).finally(() => over.abort());
  // At other nodes, as far as their rows tell: a body that is still coming in there is not waited for.
  for (let pause = 50; patience() > 0 && (await ledger.isStoring(id)); pause = Math.min(2 * pause, 1_000)) {
    await sleep(Math.min(pause, patience()));
  }
  return listParts(db, id);
}

function checkWhole(whole: Sha1, claimed: Sha1): void {
  if (whole === claimed) return;
  throw new Refusal(
    'digest_mismatch',
    `The digest header says sha=${sha1ToBase64(claimed)}; the uploaded parts make sha=${sha1ToBase64(whole)}. Nothing is lost: commit again with the right digest.`,
    { context: { expected: sha1ToBase64(claimed), actual: sha1ToBase64(whole) } },
  );
}

async function checkNoneMatches({ db }: Uploads, { target, owner }: Session, etags: string | undefined): Promise<void> {
  if (etags === undefined || target.kind === 'file') return;
  const file = await findFile(db, owner, target.fileId);
  if (file === undefined || !namesEtag(etags, file.etag)) return;
  throw new Refusal('precondition_failed', `The file's etag is ${file.etag}, which If-None-Match excludes.`);
}

function sameFile(committed: NonNullable<Session['committed']>, claimed: Sha1): Committed {
  checkWhole(committed.sha1, claimed);
  return committed;
}

async function publish(
  uploads: Uploads,
  session: Session,
  request: CommitRequest,
  mark: DigestMark | undefined,
): Promise<Committed> {
  const { db, clock, limits } = uploads;
  const { target, staging } = session;
  const { contentCreatedAt, contentModifiedAt, ...shown } = request.attributes;
  const made = {
    content: staging.content,
    size: staging.grid.fileSize,
    sha1: request.sha1,
    by: session.owner,
    now: clock.now(),
    locksAt: clock.expiryTime(),
    reserved: session.staging.grid.fileSize,
    mostItems: limits.items,
    ...(contentCreatedAt !== undefined && { contentCreatedAt }),
    ...(contentModifiedAt !== undefined && { contentModifiedAt }),
  };
  return db.transaction().execute(async (tx) => {
    const file =
      target.kind === 'file'
        ? await publishNewFile(tx, { ...target, ...shown }, made)
        : await publishNewVersion(tx, target.fileId, versionChange(target, request), made);
    const won = await markCommitted(tx, session.id, { ...file, sha1: request.sha1 }, mark);
    // Rolls back: a session that is no longer open publishes nothing, nor does a digest of parts that were lost since.
    if (!won) throw (await findMark(tx, session.id)) === undefined ? await endOf({ db: tx }, session) : sentAgain();
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
