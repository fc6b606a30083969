import { listTokens } from '@partway/server/auth/tokens/list';
import type { Command } from 'commander';
import { inColumns, onRows } from '../data-command.ts';

/** `partway token list` */
export function addTokenListCommand(token: Command): void {
  onRows(token.command('list').description('list tokens that work, never the tokens themselves'), async (db) => {
    const tokens = (await listTokens(db, Date.now())).map((one) => ({
      id: one.id,
      kind: one.kind,
      user: one.login,
      app: one.appName,
      client_id: one.clientId,
      expires_at: new Date(one.expiresAt).toISOString(),
      scope: one.scopes,
      bound_to: one.boundTo === null ? null : String(one.boundTo),
    }));
    return {
      text: inColumns(
        tokens.map(({ id, kind, user, app, expires_at: expires, scope, bound_to: bound }) => [
          id,
          kind,
          user,
          app ?? '-',
          expires,
          scope ?? 'everything',
          bound ?? '-',
        ]),
      ),
      json: tokens,
    };
  });
}
