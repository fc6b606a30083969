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

/** Every row Partway keeps. Times are integer milliseconds, ids are made by us, flags are 0 or 1. */
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

/** A row whose columns `Keys` the database fills in where they are left out. */
type WithDefaults<Row, Keys extends keyof Row> = Omit<Row, Keys> & { [Key in Keys]: Generated<Row[Key]> };

/** Whether a user administers the others: not at all, all of them, or those who do not administer themselves. */
export type UserRole = 'user' | 'admin' | 'coadmin';

/** What a user may do at all: everything, nothing, all but destroy and change, or only read. */
export type UserStatus = 'active' | 'inactive' | 'cannot_delete_edit' | 'cannot_delete_edit_upload';

export interface UserRow {
  id: UserId;
  login: string;
  /** The login as it is compared (src/api/fold-case.ts); no two users have the same. */
  login_key: string;
  name: string;
  /** The name as it is searched. */
  name_key: string;
  /** The user's own root folder, which the wire calls "0". */
  root_id: ItemId;
  created_at: Millis;
  /** Null for a user who cannot log in. */
  password_hash: string | null;
  status: UserStatus;
  /** As it was given; the developer and the users of apps administer whatever it says. */
  role: UserRole;
  modified_at: Millis;
  /** What an app calls the user. */
  external_app_user_id: string | null;
  /** What else is said of the user and only shown (src/api/user-details.ts): JSON, or nothing. */
  details: string;
}

/** How much a user keeps and may keep, in bytes; and how many items. */
export interface UserSpaceRow {
  /** All versions of all the user's files, also of those in the trash. */
  space_used: number;
  /** What the user's open upload sessions may come to. */
  space_reserved: number;
  /** How much both may be together; null for what the server is set to, -1 for no limit. */
  space_quota: number | null;
  /** Folders and versions of files, also of those in the trash; the root folder does not count. */
  item_count: number;
}

export interface AppRow {
  client_id: string;
  name: string;
  /** SHA-256 of the secret, hex. The secret has 256 random bits, so no slow hash is needed. */
  secret_sha256: string;
  /** Who the app is when it acts for itself (`box_subject_type=enterprise`). */
  service_user_id: UserId;
  created_at: Millis;
  /** 1 where the app may act as any user, by the As-User header. */
  as_user: 0 | 1;
}

/** An address to which a login may lead back. */
interface AppRedirectRow {
  client_id: string;
  uri: string;
}

/** A key that proves an app's assertions. */
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
  /** What people call it: says nothing of the token. */
  id: string;
  /** Tokens that began with one login or one exchange of secrets, and end together. */
  grant_id: string;
  user_id: UserId;
  /** Null where no app asked for it: made by hand, or from the developer token. */
  client_id: string | null;
  /** Names of scopes, a space between; null for everything. */
  scopes: string | null;
  /** The file or folder beyond which it does not reach. */
  restricted_to: ItemId | null;
  expires_at: Millis;
  /** The token that it was exchanged for; empty if that is not known, null if it was not made by an exchange. */
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
  /** When it was exchanged for the next one. It works once. */
  used_at: Millis | null;
}

export interface AuthorizationCodeRow {
  code_sha256: string;
  grant_id: string;
  user_id: UserId;
  client_id: string;
  redirect_uri: string;
  scopes: string | null;
  /** SHA-256 of the verifier that the app has to show, base64url (PKCE, S256); null if it gave none. */
  code_challenge: string | null;
  expires_at: Millis;
  used_at: Millis | null;
}

export interface UsedAssertionRow {
  client_id: string;
  jti: string;
  /** When the assertion itself is refused, so that this row is no longer needed. */
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
  /** The name as it is compared (src/api/fold-case.ts). Unique among the parent's items that are not in the trash. */
  name_key: string;
  description: string;
  /** What else is said of it and only shown (src/api/item-details.ts): JSON, or nothing. */
  details: string;
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
  /** When it went to the trash itself; null in use, and for what is in the trash because a folder above it is. */
  trashed_at: Millis | null;
  /** Its own id where it went to the trash itself, else null. */
  trashed_with: ItemId | null;
  /** How many items a folder holds, without those that went to the trash by themselves; 0 for a file. */
  child_count: number;
  /** Bytes: of a file's current version; of all files below a folder, without those that are in the trash. */
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
  /** Counts the versions of a file from 1. */
  number: number;
  trashed_at: Millis | null;
  trashed_by: UserId | null;
  restored_at: Millis | null;
  restored_by: UserId | null;
}

/** A large tree that is being copied or deleted, batch by batch. Nobody sees the tree below `root_id` meanwhile. */
export interface TreeJobRow {
  id: TreeJobId;
  kind: 'copy' | 'delete' | 'delete-user';
  owner_id: UserId;
  /** The top of the copy that is being made, or of the tree that is being deleted. */
  root_id: ItemId;
  /** Of a copy: the folder that is copied. Nothing in it moves until the copy is whole. */
  source_id: ItemId | null;
  /** Until when the process that began it is taken to be at work on it. After that the sweep ends it. */
  lease_until: Millis;
}

/** A file that only its holder may change. */
interface LockRow {
  file_id: ItemId;
  id: number;
  created_by: UserId;
  created_at: Millis;
  expires_at: Millis | null;
  /** 1 where others may not download it either. */
  download_prevented: 0 | 1;
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
  blob_id: BlobId;
  /** `Staging` as JSON. */
  staged_blob: string;
  file_size: number;
  state: SessionState;
  created_at: Millis;
  expires_at: Millis;
  /** What a commit made of it: the file, its version and the digest of the whole. */
  committed_file_id: ItemId | null;
  committed_version_id: VersionId | null;
  committed_sha1: Sha1 | null;
}

/** How far the digest of a session's whole file has come, where it lies in rows. */
interface DigestRow {
  /** The slots below this one are in the digest; -1 where it has to be made anew, from the sealed bytes. */
  hashed_parts: number;
  /** The digest's state at that mark; null for that of nothing. */
  hash_state: HashState | null;
  /** The node that reads the sealed bytes back, and until when the others leave it to that node. */
  rehash_node: NodeId | null;
  rehash_until: Millis;
}

interface PartRow {
  session_id: SessionId;
  part_index: number;
  sha1: Sha1;
  tag: PartTag;
  /** Since when the slot is this part's: of one that is stored, when it was; of another, when a node last meant to. */
  created_at: Millis;
  /** 1 where the part exists; 0 where a node means to store these bytes, and others must not put any in their place. */
  stored: 0 | 1;
  /** The process that has the bytes at hand, or had; empty where none has. */
  node: NodeId;
}

/** A blob that is known, and that no version and no session names: one that is being written, or is to be deleted. */
interface UnreferencedBlobRow {
  blob_id: BlobId;
  /** Who sends it; null for one that is to be deleted. */
  owner_id: UserId | null;
  /** Bytes of it that count as reserved by its owner. */
  reserved: number;
  /** When its writer was last known to be at work. Of one that is to be deleted it only tells one note from the next. */
  touched_at: Millis;
  /** 0 while it is being written and may still get a name; 1 once it never will. */
  deleting: 0 | 1;
}

/** A blob in the store that no row explains, as after an older backup of the database was restored. */
interface OrphanedBlobRow {
  blob_id: BlobId;
  /** When this database first knew of it. */
  found_at: Millis;
}

/** One thing that is true of the whole installation. */
interface MetadataRow {
  name: string;
  value: string;
}
