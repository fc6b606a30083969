import { Type } from 'typebox';
import { orNull } from './concepts.ts';

const MOST = 1000;

/** POST /users/terminate_sessions. Box's SDKs send one of the two lists or both. */
export const TerminateSessions = Type.Object({
  user_ids: orNull(Type.Array(Type.String({ maxLength: 32 }), { maxItems: MOST })),
  user_logins: orNull(Type.Array(Type.String({ maxLength: 320 }), { maxItems: MOST })),
});
