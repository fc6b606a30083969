import { type ItemId, parseDecimalId, parseSessionId } from '@partway/protocol/ids';
import type { FastifyContextConfig, FastifyInstance, FastifyRequest } from 'fastify';
import { type Authority, hasPermission } from '../../auth/authority.ts';
import type { AuthContext } from '../../auth/context.ts';
import { isWithinRestriction } from '../../auth/resource.ts';
import type { Permission } from '../../auth/scopes.ts';
import { statusAllows } from '../../auth/users/store.ts';
import { findSession } from '../../uploads/session-store.ts';
import { ApiError } from '../api-error.ts';
import { getAuthority } from './authenticate.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The permission that a token needs, if the policy is `bearer`. */
    permission?: Permission;
    /**
     * How a restricted token is checked if neither the path nor a JSON body contains an item: the route only returns
     * the user (`user-only`), or its handler calls `assertWithinRestriction` (`in-handler`).
     */
    restriction?: 'user-only' | 'in-handler';
  }
}

/** The config of a route that requires an access token with this permission. */
export function bearerPolicy(
  permission: Permission,
  options: Pick<FastifyContextConfig, 'restriction' | 'tokenInQuery'> = {},
): FastifyContextConfig {
  return { policy: 'bearer', permission, ...options };
}

/** The path parameters whose meaning is known. Restricted tokens cannot be used for users, who are not items. */
const KNOWN_PARAMETERS = ['file_id', 'folder_id', 'session_id', 'version_id', 'user_id'];

/** Requires a permission of every `bearer` route, and known parameters, or the server does not start. */
export function requirePermissions(app: FastifyInstance): void {
  app.addHook('onRoute', ({ url, method, config }) => {
    if (config?.policy !== 'bearer') return;
    if (config.permission === undefined) {
      throw new Error(`The route ${String(method)} ${url} declares no permission.`);
    }
    for (const [, name = ''] of url.matchAll(/:([a-z_]+)/g)) {
      if (!KNOWN_PARAMETERS.includes(name)) {
        throw new Error(`The route ${url} has the unknown parameter :${name}; restricted tokens cannot be checked.`);
      }
    }
  });
}

/**
 * Enforces the permission that a `bearer` route declares, which the token and the user's status must include, and then the
 * restriction of the token, for the file, folder or session in the path. A restricted token gets 404 for other items, as if
 * they did not exist.
 */
export async function checkPermission(auth: AuthContext, request: FastifyRequest, authority: Authority): Promise<void> {
  const { permission } = request.routeOptions.config;
  if (permission === undefined || !hasPermission(authority, permission)) throw insufficientScopeError(permission);
  if (!statusAllows(authority.principal.status, permission)) {
    throw userStatusError(authority.principal.status, permission);
  }
  if (authority.restrictedTo !== undefined) await checkPath(auth, request, authority);
}

/**
 * Enforces permissions and restrictions that depend on the JSON body (`parent.id`, `folder_id`). A restricted token gets
 * 403 `insufficient_scope` if the request contains no item.
 */
export async function checkBodyPermission(
  auth: AuthContext,
  request: FastifyRequest,
  authority: Authority,
): Promise<void> {
  const { permission, restriction } = request.routeOptions.config;
  if (permission === 'rename' && hasOtherChanges(request.body) && !hasPermission(authority, 'change')) {
    throw insufficientScopeError('change');
  }
  if (authority.restrictedTo === undefined) return;
  const idsInBody = listIdsInBody(request.body);
  for (const id of idsInBody) await checkItem(auth, authority, id);
  const hasNoItem =
    idsInBody.length === 0 && listIdsInPath(request).length === 0 && findSessionParam(request) === undefined;
  if (hasNoItem && restriction === undefined) throw insufficientScopeError(permission);
}

/**
 * Throws `not_found` if the caller's token is restricted to another item. For handlers whose folder is neither in the
 * path nor in a JSON body.
 */
export function assertWithinRestriction(auth: AuthContext, request: FastifyRequest, folderId: ItemId): Promise<void> {
  return checkItem(auth, getAuthority(request), String(folderId));
}

async function checkPath(auth: AuthContext, request: FastifyRequest, authority: Authority): Promise<void> {
  for (const id of listIdsInPath(request)) await checkItem(auth, authority, id);
  const session = findSessionParam(request);
  if (session !== undefined) await checkSession(auth, authority, session);
}

/** An invalid ID is treated like an item outside the restriction. */
async function checkItem({ db }: AuthContext, authority: Authority, text: string): Promise<void> {
  if (authority.restrictedTo === undefined) return;
  const id = text === '0' ? authority.principal.rootId : parseDecimalId(text);
  if (id !== undefined && (await isWithinRestriction(db, authority, id as ItemId))) return;
  throw new ApiError('not_found', 'The item does not exist, or this token is restricted to another item.');
}

/** A session counts as an item of its target. If it does not exist, the handler reports that as for any other token. */
async function checkSession({ db }: AuthContext, authority: Authority, text: string): Promise<void> {
  const id = parseSessionId(text);
  const session = id && (await findSession(db, id));
  if (session === undefined) return;
  const { target } = session;
  if (await isWithinRestriction(db, authority, target.kind === 'version' ? target.fileId : target.folderId)) return;
  throw new ApiError(
    'upload_session_not_found',
    'The upload session does not exist, or this token is restricted to another item.',
  );
}

function listIdsInPath(request: FastifyRequest): string[] {
  const { file_id: file, folder_id: folder } = request.params as { file_id?: string; folder_id?: string };
  return [file, folder].filter((id) => id !== undefined);
}

function findSessionParam(request: FastifyRequest): string | undefined {
  return (request.params as { session_id?: string }).session_id;
}

/** In Box's API, JSON bodies contain only the IDs of target folders. */
function listIdsInBody(body: unknown): string[] {
  const { folder_id: folder, parent } = (body ?? {}) as { folder_id?: unknown; parent?: { id?: unknown } | null };
  return [folder, parent?.id].filter((id) => id !== undefined && id !== null).map(String);
}

function hasOtherChanges(body: unknown): boolean {
  return Object.keys(body ?? {}).some((field) => field !== 'name' && field !== 'description');
}

function userStatusError(status: string, permission: Permission): ApiError {
  return new ApiError(
    'access_denied_insufficient_permissions',
    `The status of this user, ${status}, does not include the permission "${permission}".`,
  );
}

function insufficientScopeError(permission: Permission | undefined): ApiError {
  return new ApiError(
    'insufficient_scope',
    `This token has no scope with the permission "${permission}" for this request.`,
  );
}
