import { type Static, Type } from 'typebox';
import { literalUnion, orNull } from './concepts.ts';
import { ignored, refused } from './field-notes.ts';

/** What Box returns as `space_amount` of an account without a limit. */
export const UNLIMITED_BYTES = 999_999_999_999_999;

const UserName = Type.String({ format: 'user-name' });
const Login = Type.String({ format: 'login' });

/**
 * Fields of both POST and PUT. The boolean flags are only stored and returned, because there is no sharing, no device
 * limit and no second factor.
 */
const UserFields = {
  role: orNull(literalUnion('user', 'coadmin', 'admin')),
  language: orNull(Type.String({ maxLength: 35, pattern: '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$' })),
  timezone: orNull(Type.String({ format: 'time-zone' })),
  job_title: orNull(Type.String({ maxLength: 100 })),
  phone: orNull(Type.String({ maxLength: 100 })),
  address: orNull(Type.String({ maxLength: 255 })),
  /** Bytes; -1 for no limit. */
  space_amount: orNull(Type.Integer({ minimum: -1, maximum: UNLIMITED_BYTES })),
  tracking_codes: orNull(
    Type.Array(
      Type.Object({
        type: orNull(Type.Literal('tracking_code')),
        name: Type.String({ minLength: 1, maxLength: 255 }),
        value: Type.String({ maxLength: 255 }),
      }),
      { maxItems: 20 },
    ),
  ),
  is_platform_access_only: orNull(Type.Boolean()),
  is_sync_enabled: orNull(Type.Boolean()),
  can_see_managed_users: orNull(Type.Boolean()),
  is_external_collab_restricted: orNull(Type.Boolean()),
  is_exempt_from_device_limits: orNull(Type.Boolean()),
  is_exempt_from_login_verification: orNull(Type.Boolean()),
  status: orNull(literalUnion('active', 'inactive', 'cannot_delete_edit', 'cannot_delete_edit_upload')),
  /** Empty for none. */
  external_app_user_id: orNull(Type.String({ maxLength: 255 })),
};

/** POST /users. Only a user of an app (`is_platform_access_only`) can have no login. */
export const CreateUser = Type.Object({
  name: UserName,
  login: orNull(Login),
  ...UserFields,
});
export type CreateUser = Static<typeof CreateUser>;

/** PUT /users/:user_id */
export const UpdateUser = Type.Object({
  name: orNull(UserName),
  login: orNull(Login),
  ...UserFields,
  enterprise: refused('there is only one enterprise; to remove users from it, delete them', { refusesNull: true }),
  notify: ignored('it is about email to users who leave the enterprise, and this call does not remove users'),
  is_password_reset_required: refused('passwords are set on the command line, and resets are not supported', {
    accepts: [false],
  }),
  notification_email: refused('the server does not send email'),
});
export type UpdateUser = Static<typeof UpdateUser>;

const STANDARD = {
  type: Type.Literal('user'),
  id: Type.String(),
  name: Type.String(),
  login: Type.String(),
  created_at: Type.String(),
  modified_at: Type.String(),
  language: Type.String(),
  timezone: Type.String(),
  /** Bytes. */
  space_amount: Type.Integer(),
  space_used: Type.Integer(),
  max_upload_size: Type.Integer(),
  status: Type.String(),
};

/** A user as it is returned without `fields`. */
export const UserObject = Type.Object(STANDARD);
export type UserObject = Static<typeof UserObject>;

/** A user with every field that `fields` can request. */
export const UserWithAllFields = Type.Object({
  ...STANDARD,
  enterprise: Type.Union([
    Type.Object({ type: Type.Literal('enterprise'), id: Type.String(), name: Type.String() }),
    Type.Null(),
  ]),
  is_platform_access_only: Type.Boolean(),
});
export type UserWithAllFields = Static<typeof UserWithAllFields>;

const MAX_TERMINATED_USERS = 1000;

/** POST /users/terminate_sessions. Box's SDKs send one of the lists or both. */
export const TerminateSessions = Type.Object({
  user_ids: orNull(Type.Array(Type.String({ maxLength: 32 }), { maxItems: MAX_TERMINATED_USERS })),
  user_logins: orNull(Type.Array(Type.String({ maxLength: 320 }), { maxItems: MAX_TERMINATED_USERS })),
});
