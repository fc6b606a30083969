import type { Permission } from '../../packages/server/src/auth/scopes.ts';

/** What an address names: nothing, or items whose ids go in the place of `:file`, `:folder` and `:session`. */
export interface ApiRoute {
  method: string;
  /** As the server declares it, below the prefix. */
  url: string;
  /** What a token must be good for. */
  needs: Permission;
  /** A body that is taken, where it could be; `:folder` stands for an id there too. */
  body?: Record<string, unknown>;
  /** `attributes` and a file, instead of a JSON body. */
  multipart?: boolean;
  /** Shows only whose the token is, so that it may be called with one that is bound to an item. */
  ofUser?: boolean;
  /** Shows items from everywhere, so that one that is bound is refused 403. */
  ofAll?: boolean;
}

/**
 * Every route that needs a token. A test holds this table against what the server declares, so that a new route cannot
 * come without a line here, and with it without the tests of who is refused.
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

/** What a call names. */
export interface Named {
  file: string;
  folder: string;
  session: string;
}

/** The call of a route about these items. */
export function callOf(
  route: ApiRoute,
  named: Named,
): { path: string; call: { body?: unknown; headers?: Record<string, string> } } {
  const path = route.url
    .replace(':file_id', named.file)
    .replace(':folder_id', named.folder)
    .replace(':session_id', named.session)
    .replace(':version_id', '1')
    .replace(':user_id', '1');
  const text = JSON.stringify(route.body ?? {}).replace('":folder"', JSON.stringify(named.folder));
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
