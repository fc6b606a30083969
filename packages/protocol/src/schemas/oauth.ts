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

/** The body of every error response except 401, which has an empty body. */
export const ErrorObject = Type.Object({
  type: Type.Literal('error'),
  status: Type.Integer(),
  code: Type.String(),
  message: Type.String(),
  context_info: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
  help_url: Type.String(),
  request_id: Type.String(),
});
export type ErrorObject = Static<typeof ErrorObject>;
