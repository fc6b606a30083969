import { parseDecimalId, type UserId } from '@partway/protocol/ids';
import { CreateUser, TerminateSessions, UNLIMITED_BYTES, UpdateUser } from '@partway/protocol/schemas/users';
import { pickUserDetails, type UserDetails } from '@partway/protocol/user-details';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { terminateSessions } from '../../auth/tokens/terminate-sessions.ts';
import { assertAdministers, getRole } from '../../auth/users/administrator.ts';
import { deleteUser } from '../../auth/users/delete.ts';
import { type Account, findAccount, listUsersByMarker, listUsersByOffset } from '../../auth/users/list.ts';
import { createUser, updateUser } from '../../auth/users/update.ts';
import type { UserRole, UserStatus } from '../../database/schema.ts';
import type { FileContext } from '../../files/context.ts';
import { ApiError } from '../api-error.ts';
import { getAuthority, getCaller } from '../hooks/authenticate.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { effectiveLimit, renderWithinBytes } from '../render/page-bytes.ts';
import { renderUser } from '../render/user.ts';
import { createBodyParser, createValueParser } from '../request/bodies.ts';
import { isTrue, parseOffsetPage } from '../request/paging.ts';
import type { Services } from '../services.ts';

/** Box's own words, which its SDKs' tests compare. Here it is done by the time they are said. */
const TERMINATED = 'Request is successful, please check the admin events for the status of the job';

/**
 * /users: who the token is, and for administrators everybody
 * (docs/decisions/0030-let-administrators-manage-users-through-the-api.md).
 */
export function serveUsers(scope: FastifyInstance, services: Services): void {
  const { auth, files } = services;
  const readNew = createBodyParser(CreateUser);
  const readTermination = createBodyParser(TerminateSessions);
  const readUpdate = createValueParser(UpdateUser, {}, 'The body');

  scope.get('/users/me', { config: bearerPolicy('read', { reach: 'user-only' }) }, async (request) => {
    const message = 'The user of this token is no longer there.';
    return renderUser(files, request, await needAccount(getCaller(request).userId, message));
  });

  scope.get('/users', { config: bearerPolicy('read') }, async (request) => {
    await checkAdministrator(request);
    return renderUserList(files, request);
  });

  scope.post('/users', { config: bearerPolicy('change') }, async (request, reply) => {
    const by = await checkAdministrator(request);
    const body = readNew(request);
    const { name, login, is_platform_access_only: forAppsOnly } = body;
    if (login == null && forAppsOnly !== true) throw new ApiError('bad_request', 'The body lacks login.');
    const traits = parseUserTraits(body);
    await assertAdministers(auth.db, by, undefined, traits.role);
    const { id } = await createUser(auth, { name, login: login ?? undefined, ...traits });
    return reply.code(201).send(renderUser(files, request, await needAccount(id)));
  });

  scope.get('/users/:user_id', { config: bearerPolicy('read') }, async (request) => {
    const { userId } = getCaller(request);
    if (getUserIdParam(request) !== String(userId)) await checkAdministrator(request);
    return renderUser(files, request, await needAccount(parseUserId(request)));
  });

  scope.put('/users/:user_id', { config: bearerPolicy('change') }, async (request) => {
    const by = await checkAdministrator(request);
    const id = parseUserId(request);
    const body = readUpdate(request.body ?? {});
    const { name, login } = body;
    const change = { ...(name != null && { name }), ...(login != null && { login }), ...parseUserTraits(body) };
    await updateUser(auth, id, change, by);
    return renderUser(files, request, await needAccount(id));
  });

  scope.post('/users/terminate_sessions', { config: bearerPolicy('change') }, async (request, reply) => {
    const by = await checkAdministrator(request);
    const { user_ids: ids, user_logins: logins } = readTermination(request);
    const named = { ids: ids ?? [], logins: logins ?? [], by };
    if (named.ids.length + named.logins.length === 0) {
      throw new ApiError('bad_request', 'The body names nobody: give user_ids or user_logins.');
    }
    await terminateSessions(auth, named);
    return reply.code(202).send({ message: TERMINATED });
  });

  // `notify` is passed over: this server sends no mail.
  scope.delete('/users/:user_id', { config: bearerPolicy('delete') }, async (request, reply) => {
    const by = await checkAdministrator(request);
    const { force } = request.query as { force?: unknown };
    await deleteUser(services, parseUserId(request), { force: isTrue(force), by });
    return reply.code(204).send();
  });

  /** How far the caller administers. Refuses who does not. */
  async function checkAdministrator(request: FastifyRequest): Promise<UserRole> {
    const by = await getRole(auth.db, getAuthority(request));
    if (by !== 'user') return by;
    throw new ApiError(
      'access_denied_insufficient_permissions',
      'Users are for administrators, and for apps that act for themselves, with a token that is not downscoped.',
    );
  }

  async function needAccount(id: UserId, message = 'There is no such user.') {
    const account = await findAccount(auth.db, id);
    if (account === undefined) throw new ApiError('not_found', message);
    return account;
  }
}

function getUserIdParam(request: FastifyRequest): string {
  return (request.params as { user_id: string }).user_id;
}

/** What cannot be an id is as unknown as an id that nobody has. */
function parseUserId(request: FastifyRequest): UserId {
  const id = parseDecimalId(getUserIdParam(request));
  if (id === undefined) throw new ApiError('not_found', 'There is no such user.');
  return id as UserId;
}

const ORDER = [{ by: 'id', direction: 'ASC' }];
const MARKER = 'user:';

/** The page of users that a request asks for, by offset or by marker. */
async function renderUserList(files: FileContext, request: FastifyRequest): Promise<Record<string, unknown>> {
  const { usemarker, marker, filter_term: term, user_type: type, external_app_user_id: external } = parseQuery(request);
  const { offset, limit } = parseOffsetPage(request, { defaultLimit: 100 });
  const after = parseMarker(marker);
  checkType(type);
  const filter = { startsWith: term || undefined, externalAppUserId: external };
  // There are no users of other enterprises, and the empty id is nobody's.
  const nobody = type === 'external' || external === '';
  const { listBytes } = files.limits;
  const bounds = { ...filter, wideBytes: listBytes };
  const rendered = (users: Account[]) =>
    renderWithinBytes(users, listBytes, (user) => renderUser(files, request, user));

  if (isTrue(usemarker) || after !== undefined) {
    const page = nobody
      ? { entries: [], next: undefined }
      : await listUsersByMarker(files.db, { ...bounds, after, limit });
    const entries = rendered(page.entries);
    const last = entries.length < page.entries.length ? page.entries[entries.length - 1]?.id : page.next;
    return { entries, limit, ...(last !== undefined && { next_marker: renderMarker(last) }) };
  }
  const page = nobody ? { entries: [], total: 0 } : await listUsersByOffset(files.db, { ...bounds, offset, limit });
  const entries = rendered(page.entries);
  return {
    total_count: page.total,
    entries,
    offset,
    limit: effectiveLimit(entries, { ...page, offset, limit }),
    order: ORDER,
  };
}

function parseQuery(request: FastifyRequest): Record<string, string | undefined> {
  const query = request.query as Record<string, string | string[]>;
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => {
      if (typeof value === 'string' || name === 'fields') return [name, String(value)];
      throw new ApiError('bad_request', `${name} can be given once only.`);
    }),
  );
}

function checkType(type: string | undefined): void {
  if (type === undefined || ['', 'all', 'managed', 'external'].includes(type)) return;
  throw new ApiError('bad_request', 'user_type is all, managed or external.');
}

/** A place in the list as text that means nothing to clients. */
function renderMarker(id: UserId): string {
  return Buffer.from(`${MARKER}${id}`).toString('base64url');
}

function parseMarker(text: string | undefined): UserId | undefined {
  if (text === undefined || text === '') return undefined;
  const decoded = Buffer.from(text, 'base64url').toString();
  const id = decoded.startsWith(MARKER) ? parseDecimalId(decoded.slice(MARKER.length)) : undefined;
  if (id !== undefined) return id as UserId;
  throw new ApiError('bad_request', 'The marker is not one that this server gave out: begin without one.');
}

/** What a body says of a user beside their name and login; what is left out or null says nothing. */
function parseUserTraits(body: Omit<UpdateUser, 'name' | 'login'>): {
  spaceQuota?: number;
  status?: UserStatus;
  role?: UserRole;
  externalAppUserId?: string;
  details: Partial<UserDetails>;
} {
  const { space_amount: amount, status, role, external_app_user_id: externalAppUserId } = body;
  return {
    // What is shown as no limit means it, too.
    ...(amount != null && { spaceQuota: amount === UNLIMITED_BYTES ? -1 : amount }),
    ...(status != null && { status }),
    ...(role != null && { role }),
    ...(externalAppUserId != null && { externalAppUserId }),
    details: pickUserDetails(body),
  };
}
