import { parseDecimalId, type UserId } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import type { Authority } from './authority.ts';
import type { AuthContext } from './context.ts';
import { hashSecret } from './secrets.ts';
import { findToken } from './tokens/store.ts';
import { findUser, toPrincipal } from './users/store.ts';

/** What this access token stands for. Refuses `unauthorized`; for an expired one the sentence holds `expired_token`. */
export async function authenticate(context: AuthContext, token: string): Promise<Authority> {
  const tokenSha256 = hashSecret(token);
  if (tokenSha256 === context.developer.tokenSha256) return context.developer.authority;
  const { clock } = context;
  const now = clock.expiryTime();
  const monotonic = clock.monotonic();
  const cached = context.tokens.get(tokenSha256, { now, monotonic });
  if (cached !== undefined) return cached;
  const { generation: mark } = context.tokens;
  const known = await findToken(context.db, tokenSha256);
  if (known === undefined) throw new DomainError('invalid-token', 'The access token provided is invalid.');
  if (known.expiresAt <= now) {
    throw new DomainError('invalid-token', 'expired_token: the access token provided has expired, ask for a new one.');
  }
  if (known.authority.principal.status === 'inactive') {
    throw new DomainError('invalid-token', 'The user of this access token is inactive.');
  }
  context.tokens.set(tokenSha256, known.authority, { expiresAt: known.expiresAt, monotonic, generation: mark });
  return known.authority;
}

/**
 * The same authority over another user's files, for an app that may (the As-User header). Refuses `insufficient_scope`
 * for any other token, and `forbidden` for a user who is not there or inactive.
 */
export async function impersonate({ db }: AuthContext, authority: Authority, userId: string): Promise<Authority> {
  if (!authority.canImpersonate) {
    throw new DomainError(
      'insufficient-scope',
      'This token may not act as another user: its app has no as-user right.',
    );
  }
  const id = parseDecimalId(userId.trim());
  const user = id === undefined ? undefined : await findUser(db, id as UserId);
  if (user === undefined) throw new DomainError('forbidden', 'The user of the As-User header is not there.');
  if (user.status === 'inactive') throw new DomainError('forbidden', 'The user of the As-User header is inactive.');
  return { ...authority, principal: toPrincipal(user), canImpersonate: false };
}
