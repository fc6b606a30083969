import { makeToken } from '@partway/server/auth/tokens/make';
import { DEVELOPER_LOGIN } from '@partway/server/auth/users/developer';
import { parseDuration } from '@partway/server/config/parse';
import type { Command } from 'commander';
import { onRows, textOption } from '../data-command.ts';

/** `partway token make` */
export function addTokenMakeCommand(token: Command): void {
  const command = token.command('make').description('make an access token, for tools and tests');
  command
    .option('--user <login>', 'whose; the developer unless set')
    .option('--expires <time>', 'how long it works, such as 15m, 12h or 30d', '1h')
    .option('--scope <scopes>', 'what it may do, such as "base_upload item_download"; everything unless set')
    .option('--resource <address>', 'the one file or folder that it reaches, such as folders/123');
  onRows(command, async (db) => {
    const lifetime = parseDuration(textOption(command, 'expires') ?? '');
    if (lifetime === undefined || lifetime === 0) throw new Error('--expires takes a time such as 15m, 12h or 30d.');
    const expiresAt = Date.now() + lifetime;
    const { id, token: secret } = await makeToken(db, {
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
