import { createToken } from '@partway/server/auth/tokens/create';
import { listTokens, revokeTokenById } from '@partway/server/auth/tokens/list';
import { DEVELOPER_LOGIN } from '@partway/server/auth/users/developer';
import { parseDuration } from '@partway/server/config/parse';
import type { Command } from 'commander';
import { alignColumns, databaseCommand, textOption } from '../data-command.ts';

/** `partway token …` */
export function addTokenCommand(program: Command): void {
  const token = program.command('token').description('create, list and revoke access tokens');
  addTokenMakeCommand(token);
  addTokenListCommand(token);
  addTokenRevokeCommand(token);
}

/** `partway token list` */
function addTokenListCommand(token: Command): void {
  databaseCommand(token.command('list').description('list valid tokens, without the tokens themselves'), async (db) => {
    const tokens = (await listTokens(db, Date.now())).map((one) => ({
      id: one.id,
      kind: one.kind,
      user: one.login,
      app: one.appName,
      client_id: one.clientId,
      expires_at: new Date(one.expiresAt).toISOString(),
      scope: one.scopes,
      restricted_to: one.restrictedTo === null ? null : String(one.restrictedTo),
    }));
    return {
      text: alignColumns(
        tokens.map(({ id, kind, user, app, expires_at: expires, scope, restricted_to: restrictedTo }) => [
          id,
          kind,
          user,
          app ?? '-',
          expires,
          scope ?? 'all',
          restrictedTo ?? '-',
        ]),
      ),
      json: tokens,
    };
  });
}

/** `partway token make` */
function addTokenMakeCommand(token: Command): void {
  const command = token.command('make').description('create an access token, for tools and tests');
  command
    .option('--user <login>', 'user of the token (default: the developer)')
    .option('--expires <time>', 'lifetime, such as 15m, 12h or 30d', '1h')
    .option('--scope <scopes>', 'scopes, such as "base_upload item_download" (default: all)')
    .option('--resource <address>', 'restrict the token to a file or folder, such as folders/123');
  databaseCommand(command, async (db) => {
    const lifetime = parseDuration(textOption(command, 'expires') ?? '');
    if (lifetime === undefined || lifetime === 0) throw new Error('--expires must be a time such as 15m, 12h or 30d.');
    const expiresAt = Date.now() + lifetime;
    const { id, token: secret } = await createToken(db, {
      login: textOption(command, 'user') ?? DEVELOPER_LOGIN,
      expiresAt,
      scope: textOption(command, 'scope'),
      resource: textOption(command, 'resource'),
    });
    const expires = new Date(expiresAt).toISOString();
    return {
      text: `access token  ${secret}\ntoken id      ${id}\nexpires       ${expires}\nThe token will not be shown again.`,
      json: { access_token: secret, id, expires_at: expires },
    };
  });
}

/** `partway token revoke` */
function addTokenRevokeCommand(token: Command): void {
  const command = token.command('revoke').argument('<id>', 'ID from partway token list');
  command.description('revoke a token and all tokens of the same login or call; servers notice within 5 seconds');
  databaseCommand(command, async (db, [id = '']) => {
    if (!(await revokeTokenById(db, id)))
      throw new Error(`There is no token ${id}. List all tokens with partway token list.`);
    return { text: `Revoked token ${id}.`, json: { id } };
  });
}
