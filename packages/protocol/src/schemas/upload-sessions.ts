import { type Static, Type } from 'typebox';
import { ByteCount, FolderId, ItemName, orNull } from './concepts.ts';
import { NewVersionAttributes } from './files.ts';

/** POST /files/upload_sessions */
export const CreateSession = Type.Object({
  folder_id: FolderId,
  file_size: ByteCount,
  file_name: ItemName,
});
export type CreateSession = Static<typeof CreateSession>;

/** POST /files/:file_id/upload_sessions */
export const CreateVersionSession = Type.Object({
  file_size: ByteCount,
  file_name: orNull(ItemName),
});
export type CreateVersionSession = Static<typeof CreateVersionSession>;

/** A part, as responses contain it and as a commit can list it. */
export const UploadPart = Type.Object({
  part_id: Type.String(),
  offset: Type.Integer(),
  size: Type.Integer(),
  sha1: Type.String(),
});
export type UploadPart = Static<typeof UploadPart>;

/** PUT /files/upload_sessions/:id */
export const UploadedPart = Type.Object({ part: UploadPart });
export type UploadedPart = Static<typeof UploadedPart>;

/** GET /files/upload_sessions/:id/parts, ordered by offset in the file. total_count is the number of all stored parts. */
export const UploadParts = Type.Object({
  entries: Type.Array(UploadPart),
  offset: Type.Integer(),
  limit: Type.Integer(),
  total_count: Type.Integer(),
  order: Type.Array(Type.Object({ by: Type.String(), direction: Type.String() })),
});
export type UploadParts = Static<typeof UploadParts>;

/**
 * POST /files/upload_sessions/:id/commit. All fields of a part except its ID can be missing or null. The attributes are
 * those of a direct upload: Box's CLI sets the name of a new version here and not when it creates the session.
 */
export const CommitSession = Type.Object({
  parts: Type.Array(
    Type.Object({
      part_id: Type.String({ maxLength: 64 }),
      offset: orNull(ByteCount),
      size: orNull(ByteCount),
      sha1: orNull(Type.String({ maxLength: 64 })),
    }),
    { maxItems: 10_000 },
  ),
  attributes: orNull(NewVersionAttributes),
});
export type CommitSession = Static<typeof CommitSession>;

/** POST /files/upload_sessions/:id/plan */
export const PlanUpload = Type.Object({
  parts: Type.Array(
    Type.Object({
      offset: ByteCount,
      size: ByteCount,
      sha512: Type.String({ maxLength: 128 }),
    }),
    { maxItems: 10_000 },
  ),
});
export type PlanUpload = Static<typeof PlanUpload>;

/** POST /files/upload_sessions/:id/log */
export const LogEvent = Type.Object({
  event_type: Type.String({ maxLength: 200 }),
  event_info: Type.Optional(Type.Unknown()),
});
export type LogEvent = Static<typeof LogEvent>;

export const SessionEndpoints = Type.Object({
  upload_part: Type.String(),
  commit: Type.String(),
  abort: Type.String(),
  list_parts: Type.String(),
  status: Type.String(),
  log_event: Type.String(),
  plan: Type.String(),
});
export type SessionEndpoints = Static<typeof SessionEndpoints>;

export const UploadSession = Type.Object({
  id: Type.String(),
  type: Type.Literal('upload_session'),
  session_expires_at: Type.String(),
  part_size: Type.Integer(),
  total_parts: Type.Integer(),
  num_parts_processed: Type.Integer(),
  session_endpoints: SessionEndpoints,
});
export type UploadSession = Static<typeof UploadSession>;

/** The response to POST /files/upload_sessions/:id/plan. Parts in `hits` do not have to be uploaded. */
const PlannedPart = Type.Object({ offset: Type.Integer(), size: Type.Integer(), sha512: Type.String() });
export const UploadPlan = Type.Object({
  upload_session_id: Type.String(),
  hits: Type.Array(Type.Object({ ...PlannedPart.properties, part_id: Type.String() })),
  misses: Type.Array(PlannedPart),
});
export type UploadPlan = Static<typeof UploadPlan>;

/** An upload in progress, in the response to GET /files/upload_sessions (Partway's own call). */
export const ListedUploadSession = Type.Object({
  ...UploadSession.properties,
  /** Null if a new version keeps the name of its file. */
  file_name: Type.Union([Type.String(), Type.Null()]),
  file_size: Type.Integer(),
  /** The file that gets a new version; null for a new file. */
  file_id: Type.Union([Type.String(), Type.Null()]),
  folder_id: Type.String(),
  created_at: Type.String(),
});
export type ListedUploadSession = Static<typeof ListedUploadSession>;

export const UploadSessions = Type.Object({
  entries: Type.Array(ListedUploadSession),
  limit: Type.Integer(),
  next_marker: Type.Optional(Type.String()),
});
export type UploadSessions = Static<typeof UploadSessions>;
