import type { ItemRow } from '../../database/schema.ts';
import type { Scope } from '../scopes.ts';

/** What a client gets for its grant. */
export interface GrantedToken {
  accessToken: string;
  expiresInSeconds: number;
  refreshToken?: string;
  /** For a downscoped token: what it may do, and where, if it was bound anew. */
  downscoped?: { scopes: readonly Scope[]; item: ItemRow | undefined };
}
