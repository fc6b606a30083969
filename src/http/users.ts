import type { FastifyInstance } from 'fastify';
import { ENTERPRISE_ID } from '../access/access.ts';
import { findUser } from '../access/records.ts';
import { Refusal } from '../api/refusal.ts';
import { spaceUsed } from '../files/folder-size.ts';
import type { UserRow } from '../sql/tables.ts';
import { wireDate } from './dates.ts';
import { type Fieldmakers, fieldsOf, renderFields } from './fields.ts';
import { callerOf } from './policy.ts';
import type { Services } from './services.ts';

/** What Box says of an account without a limit. */
const UNLIMITED_BYTES = 999_999_999_999_999;

const STANDARD =
  'type id name login created_at modified_at language timezone space_amount space_used max_upload_size status'.split(
    ' ',
  );

interface Me {
  user: UserRow;
  spaceUsed: number | undefined;
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
  ['space_amount', () => UNLIMITED_BYTES],
  ['space_used', (me) => me.spaceUsed],
  ['max_upload_size', ({ maxFileSize }) => maxFileSize],
  ['status', () => 'active'],
  ['enterprise', () => ({ type: 'enterprise', id: ENTERPRISE_ID, name: 'Partway' })],
]);

/** GET /users/me */
export function serveUsers(scope: FastifyInstance, { access, files }: Services): void {
  scope.get('/users/me', { config: { policy: 'bearer' } }, async (request) => {
    const { userId } = callerOf(request);
    const user = await findUser(access.db, userId);
    if (user === undefined) throw new Refusal('not_found', 'The user of this token is no longer there.');
    const fields = fieldsOf(request) ?? STANDARD;
    const counted = [...fields].includes('space_used') ? await spaceUsed(files.db, userId) : undefined;
    return renderFields({ user, spaceUsed: counted, maxFileSize: files.maxFileSize }, FIELDS, fields);
  });
}
