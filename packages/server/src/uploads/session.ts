import type { ItemId, Millis, SessionId, Sha1, UserId, VersionId } from '@partway/protocol/ids';
import type { SessionRow, SessionState } from '../database/schema.ts';
import type { PartTag, StagedBlob } from '../storage/blob-store.ts';
import { partId } from './part-layout.ts';

/** The target of an upload: a new file in a folder, or a new version of a file, which can also rename it. */
export type Target =
  | { kind: 'file'; folderId: ItemId; name: string }
  | { kind: 'version'; folderId: ItemId; fileId: ItemId; name: string | undefined };

/** A chunked upload. */
export interface Session {
  id: SessionId;
  owner: UserId;
  state: SessionState;
  staged: StagedBlob;
  expiresAt: Millis;
  target: Target;
  /** The committed file; undefined before the commit. */
  committed: { fileId: ItemId; versionId: VersionId; sha1: Sha1 } | undefined;
}

/** A stored part. A part exists if its row exists and has `stored = 1`. */
export interface Part {
  partId: string;
  index: number;
  sha1: Sha1;
  tag: PartTag;
}

/** A stored part with the time at which it was stored. */
export interface StoredPart extends Part {
  /** Distinguishes a part from one that is stored later with the same index. */
  storedAt: Millis;
}

export function sessionFromRow(row: SessionRow): Session {
  const { committed_file_id: fileId, committed_version_id: versionId, committed_sha1: sha1 } = row;
  return {
    id: row.id,
    owner: row.owner_id,
    state: row.state,
    staged: JSON.parse(row.staged_blob) as StagedBlob,
    expiresAt: row.expires_at,
    target: targetFromRow(row),
    committed: fileId !== null && versionId !== null && sha1 !== null ? { fileId, versionId, sha1 } : undefined,
  };
}

function targetFromRow({ folder_id: folderId, file_id: fileId, name }: SessionRow): Target {
  if (fileId !== null) return { kind: 'version', folderId, fileId, name: name ?? undefined };
  if (name === null) throw new Error('a session for a new file has no name');
  return { kind: 'file', folderId, name };
}

export function partFromRow(session: SessionId, row: { part_index: number; sha1: Sha1; tag: PartTag }): Part {
  return { partId: partId(session, row.part_index), index: row.part_index, sha1: row.sha1, tag: row.tag };
}
