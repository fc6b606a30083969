import { type Static, Type } from 'typebox';

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

/** A user, as it is answered where nothing else is asked for. */
export const UserObject = Type.Object(STANDARD);
export type UserObject = Static<typeof UserObject>;

/** A user with every field that `fields` can ask for. */
export const UserWithAllFields = Type.Object({
  ...STANDARD,
  enterprise: Type.Union([
    Type.Object({ type: Type.Literal('enterprise'), id: Type.String(), name: Type.String() }),
    Type.Null(),
  ]),
  is_platform_access_only: Type.Boolean(),
});
export type UserWithAllFields = Static<typeof UserWithAllFields>;
