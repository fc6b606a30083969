import type { FastifyRequest } from 'fastify';
import { ENTERPRISE_ID } from '../access/access.ts';
import { type Account, administers } from '../access/list-users.ts';
import { UNLIMITED_BYTES } from '../api/schemas/users.ts';
import type { Files } from '../files/files.ts';
import { wireDate } from './dates.ts';
import { type Fieldmakers, fieldsOf, renderFields } from './fields.ts';

const STANDARD =
  'type id name login created_at modified_at language timezone space_amount space_used max_upload_size status'.split(
    ' ',
  );

interface UserToRender {
  user: Account;
  limits: Pick<Files, 'maxFileSize' | 'userQuota'>;
}

const FIELDS: Fieldmakers<UserToRender> = new Map<string, (entry: UserToRender) => unknown>([
  ['type', () => 'user'],
  ['id', ({ user }) => String(user.id)],
  ['name', ({ user }) => user.name],
  ['login', ({ user }) => user.login],
  ['created_at', ({ user }) => wireDate(user.created_at)],
  ['modified_at', ({ user }) => wireDate(user.created_at)],
  ['language', () => 'en'],
  ['timezone', () => 'UTC'],
  ['space_amount', ({ user, limits }) => spaceAmount(user.space_quota ?? limits.userQuota ?? -1)],
  ['space_used', ({ user }) => user.space_used],
  ['max_upload_size', ({ limits }) => limits.maxFileSize],
  ['status', ({ user }) => user.status],
  ['role', ({ user }) => (administers(user) ? 'admin' : 'user')],
  ['enterprise', () => ({ type: 'enterprise', id: ENTERPRISE_ID, name: 'Partway' })],
  // Whoever has no password cannot log in: then only apps act for them.
  ['is_platform_access_only', ({ user }) => user.password_hash === null],
]);

/** A user with the fields that the request asks for, or the standard ones. */
export function renderUser(limits: UserToRender['limits'], request: FastifyRequest, user: Account) {
  return renderFields({ user, limits }, FIELDS, fieldsOf(request) ?? STANDARD);
}

function spaceAmount(quota: number): number {
  return quota < 0 ? UNLIMITED_BYTES : quota;
}
