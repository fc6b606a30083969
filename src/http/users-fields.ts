import type { FastifyRequest } from 'fastify';
import { ENTERPRISE_ID } from '../access/access.ts';
import { type Account, roleOf } from '../access/list-users.ts';
import { UNLIMITED_BYTES } from '../api/schemas/users.ts';
import { userDetailsOf } from '../api/user-details.ts';
import type { Files } from '../files/files.ts';
import { wireDate } from './dates.ts';
import { type Fieldmakers, fieldsOf, renderFields } from './fields.ts';

const STANDARD =
  'type id name login created_at modified_at language timezone space_amount space_used max_upload_size status job_title phone address'.split(
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
  ['modified_at', ({ user }) => wireDate(user.modified_at)],
  ['language', ({ user }) => userDetailsOf(user.details).language],
  ['timezone', ({ user }) => userDetailsOf(user.details).timezone],
  ['space_amount', ({ user, limits }) => spaceAmount(user.space_quota ?? limits.userQuota ?? -1)],
  ['space_used', ({ user }) => user.space_used],
  ['max_upload_size', ({ limits }) => limits.maxFileSize],
  ['status', ({ user }) => user.status],
  ['role', ({ user }) => roleOf(user)],
  ['enterprise', () => ({ type: 'enterprise', id: ENTERPRISE_ID, name: 'Partway' })],
  ['job_title', ({ user }) => userDetailsOf(user.details).job_title],
  ['phone', ({ user }) => userDetailsOf(user.details).phone],
  ['address', ({ user }) => userDetailsOf(user.details).address],
  ['notification_email', () => null],
  ['tracking_codes', ({ user }) => userDetailsOf(user.details).tracking_codes],
  ['is_sync_enabled', ({ user }) => userDetailsOf(user.details).is_sync_enabled],
  ['can_see_managed_users', ({ user }) => userDetailsOf(user.details).can_see_managed_users],
  ['is_external_collab_restricted', ({ user }) => userDetailsOf(user.details).is_external_collab_restricted],
  ['is_exempt_from_device_limits', ({ user }) => userDetailsOf(user.details).is_exempt_from_device_limits],
  ['is_exempt_from_login_verification', ({ user }) => userDetailsOf(user.details).is_exempt_from_login_verification],
  ['external_app_user_id', ({ user }) => user.external_app_user_id],
  // Whoever has no password cannot log in: then only apps act for them, unless it was said otherwise.
  [
    'is_platform_access_only',
    ({ user }) => user.password_hash === null && userDetailsOf(user.details).is_platform_access_only,
  ],
]);

/** A user with the fields that the request asks for, or the standard ones. */
export function renderUser(limits: UserToRender['limits'], request: FastifyRequest, user: Account) {
  return renderFields({ user, limits }, FIELDS, fieldsOf(request) ?? STANDARD);
}

function spaceAmount(quota: number): number {
  return quota < 0 ? UNLIMITED_BYTES : quota;
}
