import type {
  BlobId,
  ItemId,
  Millis,
  NodeId,
  SessionId,
  Sha1,
  TreeJobId,
  UserId,
  VersionId,
} from '@partway/protocol/ids';
import type { Generated } from 'kysely';
import type { HashState } from '../hash-workers/resumable-pool.ts';
import type { PartTag } from '../storage/blob-store.ts';

/** All tables. Times are integer milliseconds, IDs are created by our own code, and flags are 0 or 1. */
export interface Tables {
  users: WithDefaults<UserRow & UserSpaceRow, keyof UserSpaceRow | 'status'>;
  apps: AppRow;
  app_redirects: AppRedirectRow;
  app_keys: AppKeyRow;
  access_tokens: AccessTokenRow;
  refresh_tokens: RefreshTokenRow;
  authorization_codes: AuthorizationCodeRow;
  used_assertions: UsedAssertionRow;
  items: WithDefaults<ItemRow, 'child_count' | 'size' | 'details'>;
  versions: WithDefaults<VersionRow, 'number' | 'trashed_at' | 'trashed_by' | 'restored_at' | 'restored_by'>;
  locks: LockRow;
  tree_jobs: TreeJobRow;
  upload_sessions: WithDefaults<SessionRow & DigestRow, keyof DigestRow>;
  parts: WithDefaults<PartRow, 'stored' | 'node'>;
  unreferenced_blobs: WithDefaults<UnreferencedBlobRow, 'reserved'>;
  orphaned_blobs: OrphanedBlobRow;
  metadata: MetadataRow;
}

/** A row in which the columns `Keys` have default values. */
type WithDefaults<Row, Keys extends keyof Row> = Omit<Row, Keys> & { [Key in Keys]: Generated<Row[Key]> };

/** Which other users a user can administer: none (`user`), all (`admin`), or all that are not administrators (`coadmin`). */
export type UserRole = 'user' | 'admin' | 'coadmin';

/** What a user can do: everything, nothing, everything except deleting and editing, or only reading. */
export type UserStatus = 'active' | 'inactive' | 'cannot_delete_edit' | 'cannot_delete_edit_upload';

export interface UserRow {
  id: UserId;
  login: string;
  /** The login with its case folded, for comparisons (`nameKey`). Unique. */
  login_key: string;
  name: string;
  /** The name with its case folded, for searches. */
  name_key: string;
  /** The user's root folder, which has the ID "0" in the API. */
  root_id: ItemId;
  created_at: Millis;
  /** Null for a user who cannot log in. */
  password_hash: string | null;
  status: UserStatus;
  /** The assigned role. The developer and service users are administrators whatever their role. */
  role: UserRole;
  modified_at: Millis;
  /** The user's ID in an app's own system. */
  external_app_user_id: string | null;
  /** Fields that are only stored and shown (`UserDetails`): JSON, or an empty string. */
  details: string;
}

/** A user's quota and usage, in bytes, and number of items. */
export interface UserSpaceRow {
  /** The size of all versions of all files, including those in the trash. */
  space_used: number;
  /** The size of the files of all open upload sessions and direct uploads in progress. */
  space_reserved: number;
  /** The maximum of both together; null for the server's default, -1 for no limit. */
  space_quota: number | null;
  /** The number of folders and versions, including those in the trash, but not the root folder. */
  item_count: number;
}

export interface AppRow {
  client_id: string;
  name: string;
  /** SHA-256 of the secret, hex. The secret has 256 random bits, so no slow hash is needed. Null for the public client. */
  secret_sha256: string | null;
  /** The user as whom the app acts for itself (`box_subject_type=enterprise`). Null for the public client. */
  service_user_id: UserId | null;
  created_at: Millis;
  /** 1 if the app can impersonate any user with the As-User header. */
  as_user: 0 | 1;
}

/** An address to which the browser can be sent after a login. */
interface AppRedirectRow {
  client_id: string;
  uri: string;
}

/** A public key that verifies an app's assertions. */
export interface AppKeyRow {
  kid: string;
  client_id: string;
  /** SPKI as PEM. */
  public_key: string;
  created_at: Millis;
}

export interface AccessTokenRow {
  /** SHA-256 of the token, hex. */
  token_sha256: string;
  /** An ID for people, unrelated to the token itself. */
  id: string;
  /** Shared by all tokens that come from one login or one grant. They are revoked together. */
  grant_id: string;
  user_id: UserId;
  /** Null if no app requested it: created on the command line, or from the developer token. */
  client_id: string | null;
  /** Space-separated names of scopes; null for all. */
  scopes: string | null;
  /** The file or folder that it is restricted to. */
  restricted_to: ItemId | null;
  expires_at: Millis;
  /** The token that it was exchanged for; empty if unknown, null if it does not come from an exchange. */
  parent_sha256: string | null;
}

export interface RefreshTokenRow {
  token_sha256: string;
  id: string;
  grant_id: string;
  user_id: UserId;
  client_id: string;
  scopes: string | null;
  expires_at: Millis;
  /** When it was exchanged for the next one. It can be used only once. */
  used_at: Millis | null;
}

export interface AuthorizationCodeRow {
  code_sha256: string;
  grant_id: string;
  user_id: UserId;
  client_id: string;
  redirect_uri: string;
  scopes: string | null;
  /** SHA-256 of the verifier that the app has to present, base64url (PKCE, S256); null if the app sent no challenge. */
  code_challenge: string | null;
  expires_at: Millis;
  used_at: Millis | null;
}

export interface UsedAssertionRow {
  client_id: string;
  jti: string;
  /** When the assertion itself expires, so that this row is no longer needed. */
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
  /** The name with its case folded, for comparisons (`nameKey`). Unique among the parent's items that are not in the trash. */
  name_key: string;
  description: string;
  /** Fields that are only stored and shown (`ItemDetails`): JSON, or an empty string. */
  details: string;
  /** Increases by 1 with each change. It is `etag` and `sequence_id` in the API. */
  etag: number;
  /** The current version of a file; null for a folder. */
  version_id: VersionId | null;
  created_at: Millis;
  modified_at: Millis;
  content_created_at: Millis;
  content_modified_at: Millis;
  created_by: UserId;
  modified_by: UserId;
  /** When the item itself was trashed. Null if it is not in the trash, or only because a folder above it is. */
  trashed_at: Millis | null;
  /** The item's own ID if it was trashed itself, otherwise null. */
  trashed_with: ItemId | null;
  /** The number of items in a folder, except those that were trashed themselves; 0 for a file. */
  child_count: number;
  /** The size in bytes of a file's current version, or of all files in a folder that are not in the trash. */
  size: number;
}

export interface VersionRow {
  id: VersionId;
  file_id: ItemId;
  blob_id: BlobId;
  name: string;
  size: number;
  sha1: Sha1;
  created_at: Millis;
  created_by: UserId;
  /** The versions of a file are numbered from 1. */
  number: number;
  trashed_at: Millis | null;
  trashed_by: UserId | null;
  restored_at: Millis | null;
  restored_by: UserId | null;
}

/** A large tree that is being copied or deleted in batches. Meanwhile, the tree below `root_id` is invisible. */
export interface TreeJobRow {
  id: TreeJobId;
  kind: 'copy' | 'delete' | 'delete-user';
  owner_id: UserId;
  /** The top folder of the new copy, or of the tree that is being deleted. */
  root_id: ItemId;
  /** For a copy, the folder that is copied. Nothing in it can be moved until the copy is complete. */
  source_id: ItemId | null;
  /** Until then, the process that started it is assumed to be working on it. Afterward, a background job finishes it. */
  lease_until: Millis;
}

/** A lock on a file. Only the user who created it can change the file. */
interface LockRow {
  file_id: ItemId;
  id: number;
  created_by: UserId;
  created_at: Millis;
  expires_at: Millis | null;
  /** 1 if other users cannot download the file either. */
  download_prevented: 0 | 1;
}

/** From open to committed or to expired. An aborted session has no row. */
export type SessionState = 'open' | 'committed' | 'expired';

export interface SessionRow {
  id: SessionId;
  owner_id: UserId;
  /** The file that gets a new version; null for a new file. */
  file_id: ItemId | null;
  /** The folder of the file. */
  folder_id: ItemId;
  /** The name of the file; null if a new version keeps the file's name. */
  name: string | null;
  blob_id: BlobId;
  /** `StagedBlob` as JSON. */
  staged_blob: string;
  file_size: number;
  state: SessionState;
  created_at: Millis;
  expires_at: Millis;
  /** The result of the commit: the file, its version and the SHA-1 of the whole file. */
  committed_file_id: ItemId | null;
  committed_version_id: VersionId | null;
  committed_sha1: Sha1 | null;
}

/** The hash checkpoint of a session, if several nodes share it. */
interface DigestRow {
  /** The number of parts that the hash includes, from the first on; -1 if the completed blob must be hashed again. */
  hashed_parts: number;
  /** The state of the hash; null if it includes no bytes. */
  hash_state: HashState | null;
  /** The node that is hashing the completed blob. Until `rehash_until`, other nodes leave this to it. */
  rehash_node: NodeId | null;
  rehash_until: Millis;
}

interface PartRow {
  session_id: SessionId;
  part_index: number;
  sha1: Sha1;
  tag: PartTag;
  /** When the part was stored, or last reserved. */
  created_at: Millis;
  /** 1 if the part is stored; 0 if a node has reserved it for these bytes, so that others must not store different ones. */
  stored: 0 | 1;
  /** The node that has, or had, the bytes in its local cache; empty if none. */
  node: NodeId;
}

/** A recorded blob that no version or session references: it is being written, or is to be deleted. */
interface UnreferencedBlobRow {
  blob_id: BlobId;
  /** The user who sends it; null if it is to be deleted. */
  owner_id: UserId | null;
  /** The number of bytes that its owner has reserved for it. */
  reserved: number;
  /** When its writer was last active. If it is to be deleted, only a counter that changes with each new mark. */
  touched_at: Millis;
  /** 0 while it is being written and can still be referenced; 1 if it is to be deleted. */
  deleting: 0 | 1;
}

/** A blob in the store that no other row explains, for example after an older backup of the database was restored. */
interface OrphanedBlobRow {
  blob_id: BlobId;
  /** When it was first found. */
  found_at: Millis;
}

/** A setting that all nodes share (`ClusterSetting`). */
interface MetadataRow {
  name: string;
  value: string;
}
