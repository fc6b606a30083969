import type { Permission } from '../../packages/server/src/auth/scopes.ts';

/** A route of the API. In its address, the IDs of items replace `:file_id`, `:folder_id` and `:session_id`. */
export interface ApiRoute {
  method: string;
  /** As the server declares it, below the prefix. */
  url: string;
  /** The permission that a token needs. */
  needs: Permission;
  /** A valid body, if the route has one. In it, `:folder` stands for an ID. */
  body?: Record<string, unknown>;
  /** Sends `attributes` and a file, instead of a JSON body. */
  multipart?: boolean;
  /** Returns only data about the token's user, so a restricted token can call it. */
  ofUser?: boolean;
  /** Returns items from everywhere, so a restricted token gets 403. */
  ofAll?: boolean;
}

/**
 * Every route that requires a token. A test compares this table with what the server declares. So a new route needs a
 * line here, and the tests of permissions cover it.
 */
export const API_ROUTES: readonly ApiRoute[] = [
  { method: 'GET', url: '/users/me', needs: 'read', ofUser: true },
  { method: 'GET', url: '/users', needs: 'read', ofAll: true },
  { method: 'POST', url: '/users', needs: 'change', body: { name: 'x', login: 'x@example.com' }, ofAll: true },
  { method: 'POST', url: '/users/terminate_sessions', needs: 'change', body: { user_ids: ['1'] }, ofAll: true },
  { method: 'GET', url: '/users/:user_id', needs: 'read', ofAll: true },
  { method: 'PUT', url: '/users/:user_id', needs: 'change', body: { name: 'x' }, ofAll: true },
  { method: 'DELETE', url: '/users/:user_id', needs: 'delete', ofAll: true },

  { method: 'GET', url: '/files/:file_id', needs: 'read' },
  { method: 'PUT', url: '/files/:file_id', needs: 'rename', body: { name: 'z.bin' } },
  { method: 'DELETE', url: '/files/:file_id', needs: 'delete' },
  { method: 'POST', url: '/files/:file_id', needs: 'change', body: { parent: { id: ':folder' } } },
  { method: 'POST', url: '/files/:file_id/copy', needs: 'change', body: { parent: { id: ':folder' } } },
  { method: 'GET', url: '/files/:file_id/thumbnail.png', needs: 'read' },
  { method: 'GET', url: '/files/:file_id/thumbnail.jpg', needs: 'read' },
  { method: 'GET', url: '/files/:file_id/trash', needs: 'read' },
  { method: 'DELETE', url: '/files/:file_id/trash', needs: 'delete' },
  { method: 'GET', url: '/files/:file_id/versions', needs: 'read' },
  { method: 'POST', url: '/files/:file_id/versions/current', needs: 'change', body: { type: 'file_version', id: '1' } },
  { method: 'GET', url: '/files/:file_id/versions/:version_id', needs: 'read' },
  { method: 'PUT', url: '/files/:file_id/versions/:version_id', needs: 'change', body: { trashed_at: null } },
  { method: 'DELETE', url: '/files/:file_id/versions/:version_id', needs: 'delete' },
  { method: 'GET', url: '/files/:file_id/content', needs: 'download' },
  { method: 'OPTIONS', url: '/files/:file_id/content', needs: 'replace', body: { name: 'x.bin', size: 1 } },
  { method: 'POST', url: '/files/:file_id/content', needs: 'replace', body: { name: 'x.bin' }, multipart: true },
  {
    method: 'OPTIONS',
    url: '/files/content',
    needs: 'upload',
    body: { name: 'x.bin', size: 1, parent: { id: ':folder' } },
  },
  {
    method: 'POST',
    url: '/files/content',
    needs: 'upload',
    body: { name: 'x.bin', parent: { id: ':folder' } },
    multipart: true,
  },

  { method: 'POST', url: '/folders', needs: 'upload', body: { name: 'x', parent: { id: ':folder' } } },
  { method: 'GET', url: '/folders/:folder_id', needs: 'read' },
  { method: 'PUT', url: '/folders/:folder_id', needs: 'rename', body: { name: 'z' } },
  { method: 'DELETE', url: '/folders/:folder_id', needs: 'delete' },
  { method: 'POST', url: '/folders/:folder_id', needs: 'change', body: { parent: { id: ':folder' } } },
  { method: 'POST', url: '/folders/:folder_id/copy', needs: 'change', body: { parent: { id: ':folder' } } },
  { method: 'GET', url: '/folders/:folder_id/trash', needs: 'read' },
  { method: 'DELETE', url: '/folders/:folder_id/trash', needs: 'delete' },
  { method: 'GET', url: '/folders/trash/items', needs: 'read', ofAll: true },
  { method: 'GET', url: '/folders/:folder_id/items', needs: 'read' },

  {
    method: 'POST',
    url: '/files/upload_sessions',
    needs: 'upload',
    body: { folder_id: ':folder', file_size: 70_000, file_name: 'y.bin' },
  },
  { method: 'GET', url: '/files/upload_sessions', needs: 'upload', ofAll: true },
  { method: 'POST', url: '/files/:file_id/upload_sessions', needs: 'replace', body: { file_size: 70_000 } },
  { method: 'PUT', url: '/files/upload_sessions/:session_id', needs: 'upload' },
  { method: 'GET', url: '/files/upload_sessions/:session_id', needs: 'upload' },
  { method: 'GET', url: '/files/upload_sessions/:session_id/parts', needs: 'upload' },
  { method: 'POST', url: '/files/upload_sessions/:session_id/commit', needs: 'upload', body: { parts: [] } },
  { method: 'POST', url: '/files/upload_sessions/:session_id/plan', needs: 'upload', body: { parts: [] } },
  { method: 'POST', url: '/files/upload_sessions/:session_id/log', needs: 'upload', body: { event_type: 'x' } },
  { method: 'DELETE', url: '/files/upload_sessions/:session_id', needs: 'upload' },
];

/** The IDs in a call. */
export interface ItemIds {
  file: string;
  folder: string;
  session: string;
}

/** The call of a route for these items. */
export function createCall(
  route: ApiRoute,
  ids: ItemIds,
): { path: string; call: { body?: unknown; headers?: Record<string, string> } } {
  const path = route.url
    .replace(':file_id', ids.file)
    .replace(':folder_id', ids.folder)
    .replace(':session_id', ids.session)
    .replace(':version_id', '1')
    .replace(':user_id', '1');
  const text = JSON.stringify(route.body ?? {}).replace('":folder"', JSON.stringify(ids.folder));
  if (route.multipart) return { path, call: multipart(text) };
  const sha1 = `sha=${'A'.repeat(27)}=`;
  const headers = { digest: sha1, 'content-range': 'bytes 0-65535/70000' };
  return { path, call: { headers, ...(route.body !== undefined && { body: JSON.parse(text) }) } };
}

function multipart(attributes: string): { body: string; headers: Record<string, string> } {
  const part = (name: string, content: string) =>
    `--cut\r\ncontent-disposition: form-data; name="${name}"${name === 'file' ? '; filename="f"' : ''}\r\n\r\n${content}\r\n`;
  return {
    body: `${part('attributes', attributes)}${part('file', 'x')}--cut--\r\n`,
    headers: { 'content-type': 'multipart/form-data; boundary=cut' },
  };
}
