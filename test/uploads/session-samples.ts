import { randomBytes } from 'node:crypto';
import type { BlobId, SessionId, Sha1 } from '../../packages/protocol/src/ids.ts';
import type { UserRow } from '../../packages/server/src/database/schema.ts';
import type { Part, Session } from '../../packages/server/src/uploads/session.ts';

// Sessions and parts for tests of their rows.

export function newSession(owner: UserRow, change: Partial<Session> = {}): Session {
  const id = randomBytes(16).toString('hex').toUpperCase() as SessionId;
  return {
    id,
    owner: owner.id,
    state: 'open',
    staged: { blob: randomBlobId(), layout: { fileSize: 80_000, partSize: 8, partCount: 10_000 } },
    expiresAt: 1_000_000,
    target: { kind: 'file', folderId: owner.root_id, name: `${id}.bin` },
    committed: undefined,
    ...change,
  };
}

export function newPart(slot: number, receipt = ''): Omit<Part, 'partId'> {
  return { index: slot, sha1: newSha1(), tag: receipt };
}

export function newSha1(): Sha1 {
  return randomBytes(20).toString('hex') as Sha1;
}

export function randomBlobId(): BlobId {
  return randomBytes(16).toString('hex') as BlobId;
}
