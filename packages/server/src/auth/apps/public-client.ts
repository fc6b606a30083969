import type { AppRow } from '../../database/schema.ts';

/**
 * The client ID of `partway login --web`. Every database has this app. It is a public client: it runs on the machines of
 * users, so it has no secret, and proves with PKCE that it started the login. It has no service user
 * (docs/decisions/0119-log-in-from-the-command-line-as-a-public-client-with-pkce.md).
 */
export const COMMAND_LINE_ID = 'partway-cli';

export function isPublicClient({ secret_sha256: secret }: Pick<AppRow, 'secret_sha256'>): boolean {
  return secret === null;
}
