import type { ContentId, ItemId, Millis, SessionId, Sha1, UserId, VersionId } from '../api/ids.ts';
import type { Receipt } from '../content/content.ts';

/** Every row Partway keeps. Times are integer milliseconds, ids are made by us, flags are 0 or 1. */
export interface Tables {
  users: UserRow;
  apps: AppRow;
  access_tokens: AccessTokenRow;
  items: ItemRow;
  versions: VersionRow;
  upload_sessions: SessionRow;
  parts: PartRow;
}

export interface UserRow {
  id: UserId;
  login: string;
  name: string;
  /** The user's own root folder, which the wire calls "0". */
  root_id: ItemId;
  created_at: Millis;
}

export interface AppRow {
  client_id: string;
  name: string;
  /** SHA-256 of the secret, hex. The secret has 256 random bits, so no slow hash is needed. */
  secret_sha256: string;
  /** Who the app is when it acts for itself (`box_subject_type=enterprise`). */
  service_user_id: UserId;
  created_at: Millis;
}

export interface AccessTokenRow {
  /** SHA-256 of the token, hex. */
  token_sha256: string;
  user_id: UserId;
  client_id: string;
  expires_at: Millis;
}

export type ItemKind = 'file' | 'folder';

export interface ItemRow {
  id: ItemId;
  kind: ItemKind;
  owner_id: UserId;
  /** Null for a root folder. */
  parent_id: ItemId | null;
  name: string;
  /** The name as it is compared: NFC, lower case. Unique among the parent's items that are not in the trash. */
  name_key: string;
  description: string;
  /** +1 for each change; the wire's `etag` and `sequence_id`. */
  etag: number;
  /** The current version of a file; null for a folder. */
  version_id: VersionId | null;
  created_at: Millis;
  modified_at: Millis;
  content_created_at: Millis;
  content_modified_at: Millis;
  created_by: UserId;
  modified_by: UserId;
  /** When it went to the trash; null while it is in use. */
  trashed_at: Millis | null;
  /** The item whose deletion took this one along (itself, where it was the one deleted). */
  trashed_with: ItemId | null;
}

export interface VersionRow {
  id: VersionId;
  file_id: ItemId;
  content_id: ContentId;
  name: string;
  size: number;
  sha1: Sha1;
  created_at: Millis;
  created_by: UserId;
}

/** open → committed, or open → expired; an aborted session has no row. */
export type SessionState = 'open' | 'committed' | 'expired';

export interface SessionRow {
  id: SessionId;
  owner_id: UserId;
  /** The file that gets a new version; null where a new file is made. */
  file_id: ItemId | null;
  /** The folder of the file to be. */
  folder_id: ItemId;
  /** The name of the file to be; null where a new version keeps the file's name. */
  name: string | null;
  content_id: ContentId;
  /** `Staging` as JSON. */
  staging: string;
  file_size: number;
  state: SessionState;
  created_at: Millis;
  expires_at: Millis;
  /** What a commit made of it: the file, its version and the digest of the whole. */
  committed_file_id: ItemId | null;
  committed_version_id: VersionId | null;
  committed_sha1: Sha1 | null;
}

export interface PartRow {
  session_id: SessionId;
  slot: number;
  sha1: Sha1;
  receipt: Receipt;
  created_at: Millis;
}
