import type { UserObject, UserWithAllFields } from '@partway/protocol/schemas/users';
import type { Endpoint, FieldsQuery, QueryOptions, WithFields } from './endpoint.ts';

const ME = { type: '=user', id: 'id' } as const;

export type Users = ReturnType<typeof users>;

/** /users */
export function users({ caller, api }: Endpoint) {
  return {
    /** Returns the user whose token is used. */
    getUserMe<Field extends keyof UserWithAllFields = never>({
      queryParams: query,
      ...options
    }: QueryOptions<FieldsQuery<Field>> = {}): Promise<WithFields<UserObject, UserWithAllFields, Field>> {
      return caller.json({ ...options, method: 'GET', url: `${api}/users/me`, query }, { shape: ME });
    },
  };
}
