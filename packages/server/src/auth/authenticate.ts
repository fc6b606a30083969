import { parseDecimalId, type UserId } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import type { Authority } from './authority.ts';
import type { AuthContext } from './context.ts';
import { hashSecret } from './secrets.ts';
import { findToken } from './tokens/store.ts';
import { findUser, toPrincipal } from './users/store.ts';

/**
 * Finds what an access token authorizes. Throws `invalid-token`. The message for an expired token has to contain
 * `expired_token`, because some clients renew a token only then.
 */
export async function authenticate(context: AuthContext, token: string): Promise<Authority> {
  const tokenSha256 = hashSecret(token);
  if (tokenSha256 === context.developer.tokenSha256) return context.developer.authority;
  const { clock } = context;
  const now = clock.expiryTime();
  const monotonic = clock.monotonic();
  const cached = context.tokens.get(tokenSha256, { now, monotonic });
  if (cached !== undefined) return cached;
  const { generation } = context.tokens;
  const stored = await findToken(context.db, tokenSha256);
  if (stored === undefined) throw new DomainError('invalid-token', 'The access token provided is invalid.');
  if (stored.expiresAt <= now) {
    throw new DomainError('invalid-token', 'expired_token: The access token provided has expired. Request a new one.');
  }
  if (stored.authority.principal.status === 'inactive') {
    throw new DomainError('invalid-token', 'The user of this access token is inactive.');
  }
  context.tokens.set(tokenSha256, stored.authority, { expiresAt: stored.expiresAt, monotonic, generation });
  return stored.authority;
}

/**
 * Returns the authority of an app acting as another user (the As-User header). Throws `insufficient-scope` if the token
 * cannot impersonate users, and `forbidden` if the user does not exist or is inactive.
 */
export async function impersonate({ db }: AuthContext, authority: Authority, userId: string): Promise<Authority> {
  if (!authority.canImpersonate) {
    throw new DomainError(
      'insufficient-scope',
      'This token cannot act as another user. Only an app with the as-user right can, with its own token.',
    );
  }
  const id = parseDecimalId(userId.trim());
  const user = id === undefined ? undefined : await findUser(db, id as UserId);
  if (user === undefined) throw new DomainError('forbidden', 'The user in the As-User header does not exist.');
  if (user.status === 'inactive') throw new DomainError('forbidden', 'The user in the As-User header is inactive.');
  return { ...authority, principal: toPrincipal(user), canImpersonate: false };
}
