import { type Static, Type } from 'typebox';
import { FolderId } from './folders.ts';

/** POST /files/upload_sessions */
export const CreateSession = Type.Object({
  folder_id: FolderId,
  file_size: Type.Integer({ minimum: 0 }),
  file_name: Type.String(),
});

/** POST /files/:file_id/upload_sessions */
export const CreateVersionSession = Type.Object({
  file_size: Type.Integer({ minimum: 0 }),
  file_name: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});

/** One part, as it is answered and as a commit may list it back. */
export const UploadPart = Type.Object({
  part_id: Type.String(),
  offset: Type.Integer(),
  size: Type.Integer(),
  sha1: Type.String(),
});
export type UploadPart = Static<typeof UploadPart>;

/** POST /files/upload_sessions/:id/commit. Everything of a part but its id may be left out or null. */
export const CommitSession = Type.Object({
  parts: Type.Array(
    Type.Object({
      part_id: Type.String({ maxLength: 64 }),
      offset: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
      size: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
      sha1: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Null()])),
    }),
    { maxItems: 10_000 },
  ),
  attributes: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
});

/** POST /files/upload_sessions/:id/plan */
export const PlanUpload = Type.Object({
  parts: Type.Array(
    Type.Object({
      offset: Type.Integer({ minimum: 0 }),
      size: Type.Integer({ minimum: 0 }),
      sha512: Type.String({ maxLength: 128 }),
    }),
    { maxItems: 10_000 },
  ),
});

/** POST /files/upload_sessions/:id/log */
export const LogEvent = Type.Object({
  event_type: Type.String({ maxLength: 200 }),
  event_info: Type.Optional(Type.Unknown()),
});

export const SessionEndpoints = Type.Object({
  upload_part: Type.String(),
  commit: Type.String(),
  abort: Type.String(),
  list_parts: Type.String(),
  status: Type.String(),
  log_event: Type.String(),
  plan: Type.String(),
});

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
