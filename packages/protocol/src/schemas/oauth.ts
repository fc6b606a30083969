import { type Static, Type } from 'typebox';

/** POST /oauth2/token */
export const AccessToken = Type.Object({
  access_token: Type.String(),
  /** Seconds. */
  expires_in: Type.Integer(),
  token_type: Type.Literal('bearer'),
  restricted_to: Type.Optional(Type.Array(Type.Unknown())),
  refresh_token: Type.Optional(Type.String()),
  issued_token_type: Type.Optional(Type.String()),
});
export type AccessToken = Static<typeof AccessToken>;
