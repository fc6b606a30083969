import { type Static, Type } from 'typebox';
import { orNull } from './concepts.ts';

/** What Box answers as the space of an account without a limit. */
export const UNLIMITED_BYTES = 999_999_999_999_999;

/** What both calls take. Clients may send more: what would be a promise is refused, the rest has no meaning here. */
const UserFields = {
  /** Bytes; -1 for no limit. */
  space_amount: orNull(Type.Integer({ minimum: -1, maximum: UNLIMITED_BYTES })),
  status: Type.Optional(Type.Unknown()),
  role: Type.Optional(Type.Unknown()),
  external_app_user_id: Type.Optional(Type.Unknown()),
  is_password_reset_required: Type.Optional(Type.Unknown()),
  enterprise: Type.Optional(Type.Unknown()),
};

/** POST /users. Only a user of an app (`is_platform_access_only`) may come without a login. */
export const CreateUser = Type.Object({
  name: Type.String(),
  login: orNull(Type.String()),
  is_platform_access_only: orNull(Type.Boolean()),
  ...UserFields,
});

/** PUT /users/:user_id */
export const UpdateUser = Type.Object({ name: orNull(Type.String()), login: orNull(Type.String()), ...UserFields });
export type UpdateUser = Static<typeof UpdateUser>;
