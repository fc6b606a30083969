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

/** Box's own words, which the tests of its SDKs compare. Here, the sessions have already been terminated. */
const TERMINATED = 'Request is successful, please check the admin events for the status of the job';

/**
 * /users: the caller, and for administrators all users
 * (docs/decisions/0030-let-administrators-manage-users-through-the-api.md).
 */
export function serveUsers(scope: FastifyInstance, services: Services): void {
  const { auth, files } = services;
  const parseNew = createBodyParser(CreateUser);
  const parseTermination = createBodyParser(TerminateSessions);
  const parseUpdate = createValueParser(UpdateUser, {}, 'The body');

  scope.get('/users/me', { config: bearerPolicy('read', { restriction: 'user-only' }) }, async (request) => {
    const message = 'The user of this token no longer exists.';
    return renderUser(files, request, await getAccount(getCaller(request).userId, message));
  });

  scope.get('/users', { config: bearerPolicy('read') }, async (request) => {
    await checkAdministrator(request);
    return renderUserList(files, request);
  });

  scope.post('/users', { config: bearerPolicy('change') }, async (request, reply) => {
    const by = await checkAdministrator(request);
    const body = parseNew(request);
    const { name, login, is_platform_access_only: isForAppsOnly } = body;
    if (login == null && isForAppsOnly !== true) throw new ApiError('bad_request', 'The body is missing login.');
    const traits = parseUserTraits(body);
    await assertAdministers(auth.db, by, undefined, traits.role);
    const { id } = await createUser(auth, { name, login: login ?? undefined, ...traits });
    return reply.code(201).send(renderUser(files, request, await getAccount(id)));
  });

  scope.get('/users/:user_id', { config: bearerPolicy('read') }, async (request) => {
    const { userId } = getCaller(request);
    if (getUserIdParam(request) !== String(userId)) await checkAdministrator(request);
    return renderUser(files, request, await getAccount(parseUserId(request)));
  });

  scope.put('/users/:user_id', { config: bearerPolicy('change') }, async (request) => {
    const by = await checkAdministrator(request);
    const id = parseUserId(request);
    const body = parseUpdate(request.body ?? {});
    const { name, login } = body;
    const change = { ...(name != null && { name }), ...(login != null && { login }), ...parseUserTraits(body) };
    await updateUser(auth, id, change, by);
    return renderUser(files, request, await getAccount(id));
  });

  scope.post('/users/terminate_sessions', { config: bearerPolicy('change') }, async (request, reply) => {
    const by = await checkAdministrator(request);
    const { user_ids: ids, user_logins: logins } = parseTermination(request);
    const users = { ids: ids ?? [], logins: logins ?? [], by };
    if (users.ids.length + users.logins.length === 0) {
      throw new ApiError('bad_request', 'The body must contain user_ids or user_logins.');
    }
    await terminateSessions(auth, users);
    return reply.code(202).send({ message: TERMINATED });
  });

  // `notify` is ignored, because the server sends no mail.
  scope.delete('/users/:user_id', { config: bearerPolicy('delete') }, async (request, reply) => {
    const by = await checkAdministrator(request);
    const { force } = request.query as { force?: unknown };
    await deleteUser(services, parseUserId(request), { force: isTrue(force), by });
    return reply.code(204).send();
  });

  /** Returns the caller's role. Throws if it does not include managing users. */
  async function checkAdministrator(request: FastifyRequest): Promise<UserRole> {
    const by = await getRole(auth.db, getAuthority(request));
    if (by !== 'user') return by;
    throw new ApiError(
      'access_denied_insufficient_permissions',
      'Only administrators and apps that act for themselves can manage users, with a token that is not downscoped.',
    );
  }

  async function getAccount(id: UserId, message = 'The user does not exist.') {
    const account = await findAccount(auth.db, id);
    if (account === undefined) throw new ApiError('not_found', message);
    return account;
  }
}

function getUserIdParam(request: FastifyRequest): string {
  return (request.params as { user_id: string }).user_id;
}

/** Parses the user ID in the path. An invalid ID gets the same error as one that does not exist. */
function parseUserId(request: FastifyRequest): UserId {
  const id = parseDecimalId(getUserIdParam(request));
  if (id === undefined) throw new ApiError('not_found', 'The user does not exist.');
  return id as UserId;
}

const ORDER = [{ by: 'id', direction: 'ASC' }];
const MARKER_PREFIX = 'user:';

/** Renders the page of users that a request selects, by offset or by marker. */
async function renderUserList(files: FileContext, request: FastifyRequest): Promise<Record<string, unknown>> {
  const { usemarker, marker, filter_term: term, user_type: type, external_app_user_id: external } = parseQuery(request);
  const { offset, limit } = parseOffsetPage(request, { defaultLimit: 100 });
  const after = parseMarker(marker);
  checkType(type);
  const filter = { startsWith: term || undefined, externalAppUserId: external };
  // There are no users of other enterprises, and no user has an empty ID.
  const isEmpty = type === 'external' || external === '';
  const { listBytes } = files.limits;
  const bounds = { ...filter, wideBytes: listBytes };
  const renderEntries = (users: Account[]) =>
    renderWithinBytes(users, listBytes, (user) => renderUser(files, request, user));

  if (isTrue(usemarker) || after !== undefined) {
    const page = isEmpty
      ? { entries: [], next: undefined }
      : await listUsersByMarker(files.db, { ...bounds, after, limit });
    const entries = renderEntries(page.entries);
    const last = entries.length < page.entries.length ? page.entries[entries.length - 1]?.id : page.next;
    return { entries, limit, ...(last !== undefined && { next_marker: renderMarker(last) }) };
  }
  const page = isEmpty ? { entries: [], total: 0 } : await listUsersByOffset(files.db, { ...bounds, offset, limit });
  const entries = renderEntries(page.entries);
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
      throw new ApiError('bad_request', `${name} can be set only once.`);
    }),
  );
}

function checkType(type: string | undefined): void {
  if (type === undefined || ['', 'all', 'managed', 'external'].includes(type)) return;
  throw new ApiError('bad_request', 'user_type must be all, managed or external.');
}

/** Encodes a position in the list as an opaque marker for clients. */
function renderMarker(id: UserId): string {
  return Buffer.from(`${MARKER_PREFIX}${id}`).toString('base64url');
}

function parseMarker(text: string | undefined): UserId | undefined {
  if (text === undefined || text === '') return undefined;
  const decoded = Buffer.from(text, 'base64url').toString();
  const id = decoded.startsWith(MARKER_PREFIX) ? parseDecimalId(decoded.slice(MARKER_PREFIX.length)) : undefined;
  if (id !== undefined) return id as UserId;
  throw new ApiError('bad_request', 'The marker is invalid. Start without a marker.');
}

/** Parses the fields of a user besides name and login. Missing fields and null mean no change. */
function parseUserTraits(body: Omit<UpdateUser, 'name' | 'login'>): {
  spaceQuota?: number;
  status?: UserStatus;
  role?: UserRole;
  externalAppUserId?: string;
  details: Partial<UserDetails>;
} {
  const { space_amount: amount, status, role, external_app_user_id: externalAppUserId } = body;
  return {
    // The value that responses show for "no limit" also means "no limit" in requests.
    ...(amount != null && { spaceQuota: amount === UNLIMITED_BYTES ? -1 : amount }),
    ...(status != null && { status }),
    ...(role != null && { role }),
    ...(externalAppUserId != null && { externalAppUserId }),
    details: pickUserDetails(body),
  };
}
