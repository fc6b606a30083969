import { UNLIMITED_BYTES } from '@partway/protocol/schemas/users';
import { parseUserDetails, type UserDetails } from '@partway/protocol/user-details';
import type { FastifyRequest } from 'fastify';
import { ENTERPRISE_ID } from '../../auth/context.ts';
import { type Account, effectiveRole } from '../../auth/users/list.ts';
import type { FileContext } from '../../files/context.ts';
import { wireDate } from './dates.ts';
import { type FieldRenderers, parseFields, renderFields } from './fields.ts';

const STANDARD =
  'type id name login created_at modified_at language timezone space_amount space_used max_upload_size status job_title phone address'.split(
    ' ',
  );

interface UserToRender {
  user: Account;
  details: UserDetails;
  limits: Pick<FileContext, 'maxFileSize' | 'userQuota'>;
}

const FIELDS: FieldRenderers<UserToRender> = new Map<string, (entry: UserToRender) => unknown>([
  ['type', () => 'user'],
  ['id', ({ user }) => String(user.id)],
  ['name', ({ user }) => user.name],
  ['login', ({ user }) => user.login],
  ['created_at', ({ user }) => wireDate(user.created_at)],
  ['modified_at', ({ user }) => wireDate(user.modified_at)],
  ['language', ({ details }) => details.language],
  ['timezone', ({ details }) => details.timezone],
  ['space_amount', ({ user, limits }) => spaceAmount(user.space_quota ?? limits.userQuota ?? -1)],
  ['space_used', ({ user }) => user.space_used],
  ['max_upload_size', ({ limits }) => limits.maxFileSize],
  ['status', ({ user }) => user.status],
  ['role', ({ user }) => effectiveRole(user)],
  ['enterprise', () => ({ type: 'enterprise', id: ENTERPRISE_ID, name: 'Partway' })],
  ['job_title', ({ details }) => details.job_title],
  ['phone', ({ details }) => details.phone],
  ['address', ({ details }) => details.address],
  ['notification_email', () => null],
  ['tracking_codes', ({ details }) => details.tracking_codes],
  ['is_sync_enabled', ({ details }) => details.is_sync_enabled],
  ['can_see_managed_users', ({ details }) => details.can_see_managed_users],
  ['is_external_collab_restricted', ({ details }) => details.is_external_collab_restricted],
  ['is_exempt_from_device_limits', ({ details }) => details.is_exempt_from_device_limits],
  ['is_exempt_from_login_verification', ({ details }) => details.is_exempt_from_login_verification],
  ['external_app_user_id', ({ user }) => user.external_app_user_id],
  // A user without a password cannot log in, so by default only apps act for them.
  ['is_platform_access_only', ({ user, details }) => user.password_hash === null && details.is_platform_access_only],
]);

/** Renders a user with the fields that the request selects, or with Box's standard fields. */
export function renderUser(limits: UserToRender['limits'], request: FastifyRequest, user: Account) {
  return renderFields(
    { user, details: parseUserDetails(user.details), limits },
    FIELDS,
    parseFields(request) ?? STANDARD,
  );
}

function spaceAmount(quota: number): number {
  return quota < 0 ? UNLIMITED_BYTES : quota;
}
