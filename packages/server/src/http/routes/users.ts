import { Refusal } from '@partway/protocol/errors';
import { parseDecimalId, type UserId } from '@partway/protocol/ids';
import { CreateUser, TerminateSessions, UpdateUser } from '@partway/protocol/schemas/users';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { terminateSessions } from '../../auth/tokens/terminate-sessions.ts';
import { administrationOf, checkAdministers } from '../../auth/users/administrator.ts';
import { deleteUser } from '../../auth/users/delete.ts';
import { findAccount } from '../../auth/users/list.ts';
import { createUser, updateUser } from '../../auth/users/update.ts';
import type { UserRole } from '../../database/schema.ts';
import { authorityOf, callerOf } from '../hooks/authenticate.ts';
import { bearer } from '../hooks/scopes.ts';
import { renderUser } from '../render/user.ts';
import { bodyReader, valueReader } from '../request/bodies.ts';
import { isTrue } from '../request/query-flag.ts';
import type { Services } from '../services.ts';
import { userTraitsOf } from './users-changes.ts';
import { userList } from './users-list.ts';

/** Box's own words, which its SDKs' tests compare. Here it is done by the time they are said. */
const TERMINATED = 'Request is successful, please check the admin events for the status of the job';

/** /users: who the token is, and for administrators everybody (docs/decisions/0030-users.md). */
export function serveUsers(scope: FastifyInstance, services: Services): void {
  const { access, files } = services;
  const readNew = bodyReader(CreateUser);
  const readTermination = bodyReader(TerminateSessions);
  const readUpdate = valueReader(UpdateUser, {}, 'The body');

  scope.get('/users/me', { config: bearer('read', { reach: 'user-only' }) }, async (request) => {
    const message = 'The user of this token is no longer there.';
    return renderUser(files, request, await needAccount(callerOf(request).userId, message));
  });

  scope.get('/users', { config: bearer('read') }, async (request) => {
    await checkAdministrator(request);
    return userList(files, request);
  });

  scope.post('/users', { config: bearer('change') }, async (request, reply) => {
    const by = await checkAdministrator(request);
    const body = readNew(request);
    const { name, login, is_platform_access_only: forAppsOnly } = body;
    if (login == null && forAppsOnly !== true) throw new Refusal('bad_request', 'The body lacks login.');
    const traits = userTraitsOf(body);
    await checkAdministers(access.db, by, undefined, traits.role);
    const { id } = await createUser(access, { name, login: login ?? undefined, ...traits });
    return reply.code(201).send(renderUser(files, request, await needAccount(id)));
  });

  scope.get('/users/:user_id', { config: bearer('read') }, async (request) => {
    const { userId } = callerOf(request);
    if (namedIn(request) !== String(userId)) await checkAdministrator(request);
    return renderUser(files, request, await needAccount(userIdOf(request)));
  });

  scope.put('/users/:user_id', { config: bearer('change') }, async (request) => {
    const by = await checkAdministrator(request);
    const id = userIdOf(request);
    const body = readUpdate(request.body ?? {});
    const { name, login } = body;
    const change = { ...(name != null && { name }), ...(login != null && { login }), ...userTraitsOf(body) };
    await updateUser(access, id, change, by);
    return renderUser(files, request, await needAccount(id));
  });

  scope.post('/users/terminate_sessions', { config: bearer('change') }, async (request, reply) => {
    const by = await checkAdministrator(request);
    const { user_ids: ids, user_logins: logins } = readTermination(request);
    const named = { ids: ids ?? [], logins: logins ?? [], by };
    if (named.ids.length + named.logins.length === 0) {
      throw new Refusal('bad_request', 'The body names nobody: give user_ids or user_logins.');
    }
    await terminateSessions(access, named);
    return reply.code(202).send({ message: TERMINATED });
  });

  // `notify` is passed over: this server sends no mail.
  scope.delete('/users/:user_id', { config: bearer('delete') }, async (request, reply) => {
    const by = await checkAdministrator(request);
    const { force } = request.query as { force?: unknown };
    await deleteUser(services, userIdOf(request), { force: isTrue(force), by });
    return reply.code(204).send();
  });

  /** How far the caller administers. Refuses who does not. */
  async function checkAdministrator(request: FastifyRequest): Promise<UserRole> {
    const by = await administrationOf(access.db, authorityOf(request));
    if (by !== 'user') return by;
    throw new Refusal(
      'access_denied_insufficient_permissions',
      'Users are for administrators, and for apps that act for themselves, with a token that is not downscoped.',
    );
  }

  async function needAccount(id: UserId, message = 'There is no such user.') {
    const account = await findAccount(access.db, id);
    if (account === undefined) throw new Refusal('not_found', message);
    return account;
  }
}

function namedIn(request: FastifyRequest): string {
  return (request.params as { user_id: string }).user_id;
}

/** What cannot be an id is as unknown as an id that nobody has. */
function userIdOf(request: FastifyRequest): UserId {
  const id = parseDecimalId(namedIn(request));
  if (id === undefined) throw new Refusal('not_found', 'There is no such user.');
  return id as UserId;
}
