import { type TSchema, Type } from 'typebox';
import { ignored, refused } from './field-notes.ts';
import {
  CopyFile,
  NewFileAttributes,
  NewVersionAttributes,
  PreflightFile,
  PromoteVersion,
  RestoreVersion,
  UpdateFile,
} from './files.ts';
import { CreateFolder, UpdateFolder } from './folders.ts';
import { CopyItem, RestoreItem } from './items.ts';
import { CommitSession, CreateSession, CreateVersionSession } from './upload-sessions.ts';
import { CreateUser, TerminateSessions, UpdateUser } from './users.ts';

/** The fields of a call besides the IDs in its URL. */
interface RequestFields {
  /** JSON, or the fields of a form. */
  body?: TSchema;
  query?: Readonly<Record<string, TSchema>>;
  headers?: Readonly<Record<string, TSchema>>;
}

const used = Type.Unknown();
const fields = { query: { fields: used } };
const NO_SHARED_LINKS = ignored('shared links are not supported; access depends only on the token');
const NO_THUMBNAILS = ignored('thumbnails are not supported, and the placeholder has a fixed size');
const page = { offset: used, limit: used };
const order = { sort: used, direction: used };
const ifMatch = { headers: { 'if-match': used } };

/** The form of POST /oauth2/token. Its handlers read the fields one by one. */
const TokenForm = Type.Object({
  grant_type: used,
  client_id: used,
  client_secret: used,
  code: used,
  refresh_token: used,
  assertion: used,
  subject_token: used,
  subject_token_type: used,
  scope: used,
  resource: used,
  box_subject_type: used,
  box_subject_id: used,
  actor_token: refused('actor tokens are not supported', { refusesNull: true }),
  actor_token_type: ignored('it is the type of an actor_token, which is refused'),
  box_shared_link: refused('shared links are not supported', { refusesNull: true }),
});

/**
 * The request fields of every supported call, by Box's name for the call. A test compares them with Box's own list
 * (test/http/box-request-fields.json), and docs/use/api-coverage.md takes its reasons from here.
 */
export const REQUESTS: Readonly<Record<string, RequestFields>> = {
  'POST /files/upload_sessions': { body: CreateSession },
  'POST /files/{file_id}/upload_sessions': { body: CreateVersionSession },
  'PUT /files/upload_sessions/{upload_session_id}': { headers: { digest: used, 'content-range': used } },
  'GET /files/upload_sessions/{upload_session_id}': {},
  'GET /files/upload_sessions/{upload_session_id}/parts': { query: page },
  'POST /files/upload_sessions/{upload_session_id}/commit': {
    body: CommitSession,
    headers: { digest: used, 'if-match': used, 'if-none-match': used },
  },
  'DELETE /files/upload_sessions/{upload_session_id}': {},

  'POST /files/content': { body: multipartForm(NewFileAttributes), ...fields, headers: { 'content-md5': used } },
  'POST /files/{file_id}/content': {
    body: multipartForm(NewVersionAttributes),
    ...fields,
    headers: { 'if-match': used, 'content-md5': used },
  },
  'OPTIONS /files/content': { body: PreflightFile },
  'GET /files/{file_id}/content': {
    query: { version: used, access_token: used },
    headers: { range: used, boxapi: NO_SHARED_LINKS },
  },
  'GET /files/{file_id}/thumbnail.{extension}': {
    query: {
      min_height: NO_THUMBNAILS,
      min_width: NO_THUMBNAILS,
      max_height: NO_THUMBNAILS,
      max_width: NO_THUMBNAILS,
    },
  },

  'GET /files/{file_id}': {
    ...fields,
    headers: {
      'if-none-match': used,
      boxapi: NO_SHARED_LINKS,
      'x-rep-hints': ignored('representations are not supported; their list is empty'),
    },
  },
  'PUT /files/{file_id}': { body: UpdateFile, ...fields, ...ifMatch },
  'POST /files/{file_id}/copy': { body: CopyFile, ...fields },
  'DELETE /files/{file_id}': ifMatch,
  'POST /files/{file_id}': { body: RestoreItem, ...fields },
  'GET /files/{file_id}/trash': fields,
  'DELETE /files/{file_id}/trash': {},

  'GET /files/{file_id}/versions': { query: { ...fields.query, ...page } },
  'GET /files/{file_id}/versions/{file_version_id}': fields,
  'POST /files/{file_id}/versions/current': { body: PromoteVersion, ...fields },
  'PUT /files/{file_id}/versions/{file_version_id}': { body: RestoreVersion },
  'DELETE /files/{file_id}/versions/{file_version_id}': ifMatch,

  'POST /folders': { body: CreateFolder, ...fields },
  'GET /folders/{folder_id}': {
    query: { ...fields.query, ...page, ...order },
    headers: { 'if-none-match': used, boxapi: NO_SHARED_LINKS },
  },
  'PUT /folders/{folder_id}': { body: UpdateFolder, ...fields, ...ifMatch },
  'POST /folders/{folder_id}/copy': { body: CopyItem, ...fields },
  'DELETE /folders/{folder_id}': { query: { recursive: used }, ...ifMatch },
  'GET /folders/{folder_id}/items': {
    query: { ...fields.query, ...page, ...order, usemarker: used, marker: used },
    headers: { boxapi: NO_SHARED_LINKS },
  },
  'POST /folders/{folder_id}': { body: RestoreItem, ...fields },
  'GET /folders/{folder_id}/trash': fields,
  'DELETE /folders/{folder_id}/trash': {},
  'GET /folders/trash/items': { query: { ...fields.query, ...page, ...order, usemarker: used, marker: used } },

  'GET /users/me': fields,
  'GET /users': {
    query: {
      ...fields.query,
      ...page,
      usemarker: used,
      marker: used,
      filter_term: used,
      user_type: used,
      external_app_user_id: used,
    },
  },
  'POST /users': { body: CreateUser, ...fields },
  'GET /users/{user_id}': fields,
  'PUT /users/{user_id}': { body: UpdateUser, ...fields },
  'DELETE /users/{user_id}': { query: { notify: ignored('the server does not send email'), force: used } },

  'POST /users/terminate_sessions': { body: TerminateSessions },

  'POST /oauth2/token': { body: TokenForm },
  'POST /oauth2/revoke': { body: Type.Object({ client_id: used, client_secret: used, token: used }) },
  'GET /authorize': {
    query: { response_type: used, client_id: used, redirect_uri: used, state: used, scope: used },
  },
};

/** A multipart form with `attributes` as JSON, followed by the file. */
function multipartForm(attributes: TSchema): TSchema {
  return Type.Object({ attributes, file: used });
}
