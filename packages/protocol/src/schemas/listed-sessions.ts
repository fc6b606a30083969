import { type Static, Type } from 'typebox';
import { UploadSession } from './upload-sessions.ts';

/** An upload under way in GET /files/upload_sessions, which is Partway's own. */
export const ListedUploadSession = Type.Object({
  ...UploadSession.properties,
  /** Null where a new version keeps the name of its file. */
  file_name: Type.Union([Type.String(), Type.Null()]),
  file_size: Type.Integer(),
  /** The file that gets a new version. */
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
