import { createToken } from '@partway/server/auth/tokens/create';
import { listTokens, revokeTokenById } from '@partway/server/auth/tokens/list';
import { DEVELOPER_LOGIN } from '@partway/server/auth/users/developer';
import { parseDuration } from '@partway/server/config/parse';
import type { Command } from 'commander';
import { alignColumns, databaseCommand, textOption } from '../data-command.ts';

/** `partway token …`: what lets callers in. */
export function addTokenCommand(program: Command): void {
  const token = program.command('token').description('make, list and revoke access tokens');
  addTokenMakeCommand(token);
  addTokenListCommand(token);
  addTokenRevokeCommand(token);
}

/** `partway token list` */
function addTokenListCommand(token: Command): void {
  databaseCommand(
    token.command('list').description('list tokens that work, never the tokens themselves'),
    async (db) => {
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
          tokens.map(({ id, kind, user, app, expires_at: expires, scope, restricted_to: bound }) => [
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
    },
  );
}

/** `partway token make` */
function addTokenMakeCommand(token: Command): void {
  const command = token.command('make').description('make an access token, for tools and tests');
  command
    .option('--user <login>', 'whose; the developer unless set')
    .option('--expires <time>', 'how long it works, such as 15m, 12h or 30d', '1h')
    .option('--scope <scopes>', 'what it may do, such as "base_upload item_download"; everything unless set')
    .option('--resource <address>', 'the one file or folder that it reaches, such as folders/123');
  databaseCommand(command, async (db) => {
    const lifetime = parseDuration(textOption(command, 'expires') ?? '');
    if (lifetime === undefined || lifetime === 0) throw new Error('--expires takes a time such as 15m, 12h or 30d.');
    const expiresAt = Date.now() + lifetime;
    const { id, token: secret } = await createToken(db, {
      login: textOption(command, 'user') ?? DEVELOPER_LOGIN,
      expiresAt,
      scope: textOption(command, 'scope'),
      resource: textOption(command, 'resource'),
    });
    const expires = new Date(expiresAt).toISOString();
    return {
      text: `access token  ${secret}\ntoken id      ${id}\nexpires       ${expires}\nThe token is shown this once.`,
      json: { access_token: secret, id, expires_at: expires },
    };
  });
}

/** `partway token revoke` */
function addTokenRevokeCommand(token: Command): void {
  const command = token.command('revoke').argument('<id>', 'its id in partway token list');
  command.description('end a token, and what came of the same login or call; a running server knows within 5 seconds');
  databaseCommand(command, async (db, [id = '']) => {
    if (!(await revokeTokenById(db, id))) throw new Error(`There is no token ${id}: partway token list shows all.`);
    return { text: `The token ${id} has ended.`, json: { id } };
  });
}
