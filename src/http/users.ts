import type { FastifyInstance } from 'fastify';
import { ENTERPRISE_ID } from '../access/access.ts';
import { findUser } from '../access/records.ts';
import { Refusal } from '../api/refusal.ts';
import { type Space, spaceOf } from '../files/space-of.ts';
import type { UserRow } from '../sql/tables.ts';
import { wireDate } from './dates.ts';
import { type Fieldmakers, fieldsOf, renderFields } from './fields.ts';
import { callerOf } from './policy.ts';
import { bearer } from './scopes.ts';
import type { Services } from './services.ts';

/** What Box says of an account without a limit. */
const UNLIMITED_BYTES = 999_999_999_999_999;

const STANDARD =
  'type id name login created_at modified_at language timezone space_amount space_used max_upload_size status'.split(
    ' ',
  );

interface Me {
  user: UserRow;
  space: Space;
  maxFileSize: number;
}

const FIELDS: Fieldmakers<Me> = new Map<string, (me: Me) => unknown>([
  ['type', () => 'user'],
  ['id', ({ user }) => String(user.id)],
  ['name', ({ user }) => user.name],
  ['login', ({ user }) => user.login],
  ['created_at', ({ user }) => wireDate(user.created_at)],
  ['modified_at', ({ user }) => wireDate(user.created_at)],
  ['language', () => 'en'],
  ['timezone', () => 'UTC'],
  ['space_amount', ({ space }) => space.quota ?? UNLIMITED_BYTES],
  ['space_used', ({ space }) => space.used],
  ['max_upload_size', ({ maxFileSize }) => maxFileSize],
  ['status', () => 'active'],
  ['enterprise', () => ({ type: 'enterprise', id: ENTERPRISE_ID, name: 'Partway' })],
]);

/** GET /users/me */
export function serveUsers(scope: FastifyInstance, { access, files }: Services): void {
  scope.get('/users/me', { config: bearer('read', { reach: 'user-only' }) }, async (request) => {
    const { userId } = callerOf(request);
    const user = await findUser(access.db, userId);
    if (user === undefined) throw new Refusal('not_found', 'The user of this token is no longer there.');
    const space = await spaceOf(files.db, userId, files.userQuota);
    return renderFields({ user, space, maxFileSize: files.maxFileSize }, FIELDS, fieldsOf(request) ?? STANDARD);
  });
}
