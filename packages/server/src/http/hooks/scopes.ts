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
    /** What a token needs to be good for, where the policy is `bearer`. */
    may?: Permission;
    /**
     * How a token that is bound to an item is held to it, where neither the address nor a JSON body names any: the route
     * shows nothing but the user (`user-only`), or its handler calls `assertWithinRestriction` (`in-handler`).
     */
    reach?: 'user-only' | 'in-handler';
  }
}

/** The config of a route for whoever has an access token that may do this. */
export function bearerPolicy(
  may: Permission,
  more: Pick<FastifyContextConfig, 'reach' | 'tokenInQuery'> = {},
): FastifyContextConfig {
  return { policy: 'bearer', may, ...more };
}

/** The parameters of addresses of which it is known what they name; a user is no item, so no bound token reaches one. */
const KNOWN_PARAMETERS = ['file_id', 'folder_id', 'session_id', 'version_id', 'user_id'];

/**
 * What a token must be good for, beside being somebody's. Enforced in steps, each before anything is done: the ability
 * that a route declares, which the token must have and its user's status allow; the file, folder or session that its address names; the folder that its JSON body names
 * (`parent.id`, `folder_id`). A token bound to an item is refused 404 beyond it, as for what is not there; what it may not
 * do within, and what names no item at all, is 403 `insufficient_scope`.
 */
export function enforceScopes(app: FastifyInstance, auth: AuthContext): void {
  app.addHook('onRoute', ({ url, method, config }) => {
    if (config?.policy !== 'bearer') return;
    if (config.may === undefined)
      throw new Error(`route ${String(method)} ${url} does not declare what a token \`may\` do`);
    for (const [, name = ''] of url.matchAll(/:([a-z_]+)/g)) {
      if (!KNOWN_PARAMETERS.includes(name))
        throw new Error(`route ${url}: which item is :${name}, for a token that is bound?`);
    }
  });
  app.addHook('onRequest', async (request) => {
    const { policy, may } = request.routeOptions.config;
    if (policy !== 'bearer') return;
    const authority = getAuthority(request);
    if (may === undefined || !hasPermission(authority, may)) throw insufficientScopeError(may);
    if (!statusAllows(authority.principal.status, may)) throw userStatusError(authority.principal.status, may);
    await checkPath(auth, request, authority);
  });
  app.addHook('preHandler', async (request) => {
    const { policy, may, reach } = request.routeOptions.config;
    if (policy !== 'bearer') return;
    const authority = getAuthority(request);
    if (may === 'rename' && changesMoreThanNames(request.body) && !hasPermission(authority, 'change'))
      throw insufficientScopeError('change');
    if (authority.restrictedTo === undefined) return;
    const inBody = listIdsInBody(request.body);
    for (const id of inBody) await checkItem(auth, authority, id);
    const namesNothing =
      inBody.length === 0 && listIdsInPath(request).length === 0 && findSessionParam(request) === undefined;
    if (namesNothing && reach === undefined) throw insufficientScopeError(may);
  });
}

/** Refuses a folder that only the handler knows of, because it is not in the address and the body is not JSON. */
export function assertWithinRestriction(auth: AuthContext, request: FastifyRequest, folderId: ItemId): Promise<void> {
  return checkItem(auth, getAuthority(request), String(folderId));
}

async function checkPath(auth: AuthContext, request: FastifyRequest, authority: Authority): Promise<void> {
  if (authority.restrictedTo === undefined) return;
  for (const id of listIdsInPath(request)) await checkItem(auth, authority, id);
  const session = findSessionParam(request);
  if (session !== undefined) await checkSession(auth, authority, session);
}

/** Whatever cannot be an id lies beyond every token that is bound. */
async function checkItem({ db }: AuthContext, authority: Authority, text: string): Promise<void> {
  if (authority.restrictedTo === undefined) return;
  const id = text === '0' ? authority.principal.rootId : parseDecimalId(text);
  if (id !== undefined && (await isWithinRestriction(db, authority, id as ItemId))) return;
  throw new ApiError('not_found', 'There is no such item, or it lies beyond what this token reaches.');
}

/** A session lies where its file will lie. One that is not there is for the handler to refuse, as for everybody. */
async function checkSession({ db }: AuthContext, authority: Authority, text: string): Promise<void> {
  const id = parseSessionId(text);
  const session = id && (await findSession(db, id));
  if (session === undefined) return;
  const { target } = session;
  if (await isWithinRestriction(db, authority, target.kind === 'version' ? target.fileId : target.folderId)) return;
  throw new ApiError(
    'upload_session_not_found',
    'There is no such session, or it lies beyond what this token reaches.',
  );
}

function listIdsInPath(request: FastifyRequest): string[] {
  const { file_id: file, folder_id: folder } = request.params as { file_id?: string; folder_id?: string };
  return [file, folder].filter((id) => id !== undefined);
}

function findSessionParam(request: FastifyRequest): string | undefined {
  return (request.params as { session_id?: string }).session_id;
}

/** The folders that a JSON body can name, here as in Box's API: where something is to be. */
function listIdsInBody(body: unknown): string[] {
  const { folder_id: folder, parent } = (body ?? {}) as { folder_id?: unknown; parent?: { id?: unknown } | null };
  return [folder, parent?.id].filter((id) => id !== undefined && id !== null).map(String);
}

function changesMoreThanNames(body: unknown): boolean {
  return Object.keys(body ?? {}).some((field) => field !== 'name' && field !== 'description');
}

function userStatusError(status: string, may: Permission): ApiError {
  return new ApiError(
    'access_denied_insufficient_permissions',
    `An administrator has set this user to ${status}, who may not ${may}.`,
  );
}

function insufficientScopeError(may: Permission | undefined): ApiError {
  return new ApiError('insufficient_scope', `This token may not do that: it lacks a scope that lets it ${may}, here.`);
}
