import type { UserObject, UserWithAllFields } from '@partway/protocol/schemas/users';
import type { Answered, Endpoint, FieldsQuery, QueryOptions } from './endpoint.ts';

const ME = { type: '=user', id: 'string' } as const;

export type Users = ReturnType<typeof users>;

/** /users */
export function users({ caller, api }: Endpoint) {
  return {
    /** Whose token it is. */
    getUserMe<Field extends keyof UserWithAllFields = never>({
      queryParams: query,
      ...options
    }: QueryOptions<FieldsQuery<Field>> = {}): Promise<Answered<UserObject, UserWithAllFields, Field>> {
      return caller.json({ ...options, method: 'GET', url: `${api}/users/me`, query }, { shape: ME });
    },
  };
}
