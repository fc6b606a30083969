import type { Addresses } from '../addresses.ts';
import type { Caller, CallOptions } from '../call.ts';

/** What the groups of API methods use. */
export interface Endpoint {
  caller: Caller;
  /** Includes `/2.0`, without a slash at the end. */
  api: string;
  upload: string;
  oauth2: string;
  authorize: string;
}

export interface QueryOptions<Query> extends CallOptions {
  queryParams?: Query | undefined;
}

/** A response with the standard fields or, if `fields` is set, with those fields and type, id and etag. */
export type WithFields<Standard, All, Field extends keyof All> = [Field] extends [never]
  ? Standard
  : Pick<All, Field | (keyof All & ('type' | 'id' | 'etag'))>;

export interface FieldsQuery<Field> {
  fields?: readonly Field[] | undefined;
}

/** A page by offset, or by marker if `usemarker` is set. */
export interface PageQuery {
  offset?: number | undefined;
  limit?: number | undefined;
  usemarker?: boolean | undefined;
  marker?: string | undefined;
  sort?: 'id' | 'name' | 'date' | 'size' | undefined;
  direction?: 'ASC' | 'DESC' | undefined;
}

export function createEndpoint(caller: Caller, addresses: Addresses): Endpoint {
  return { ...addresses, caller, api: `${addresses.api}/2.0`, upload: `${addresses.upload}/2.0` };
}
