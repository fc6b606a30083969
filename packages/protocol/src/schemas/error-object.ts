import { type Static, Type } from 'typebox';

/** The body of every refusal but 401, whose body is empty (wire: "Errors"). */
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
