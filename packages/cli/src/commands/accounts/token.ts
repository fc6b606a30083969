import { createToken } from '@partway/server/auth/tokens/create';
import { listTokens, revokeTokenById } from '@partway/server/auth/tokens/list';
import { DEVELOPER_LOGIN } from '@partway/server/auth/users/developer';
import { parseDuration } from '@partway/server/config/parse';
import type { Tables } from '@partway/server/database/schema';
import type { Command } from 'commander';
import type { Kysely } from 'kysely';
import { type Column, renderTable } from '../../output/table.ts';
import { databaseCommand, textOption } from '../data-command.ts';
import { addExamples } from '../examples.ts';

/** `partway token …` */
export function addTokenCommand(program: Command): void {
  const token = program.command('token').description('create, list and revoke access tokens');
  addExamples(token, [
    ['partway token create --user ann@example.com --expires 30d', 'Create a token for a user'],
    ['partway token list', 'List valid tokens'],
  ]);
  addTokenCreateCommand(token.command('create'));
  // Its earlier name, for scripts. Not an alias, because help texts show those.
  addTokenCreateCommand(token.command('make', { hidden: true }));
  addTokenListCommand(token);
  addTokenRevokeCommand(token);
}

/** `partway token list` */
function addTokenListCommand(token: Command): void {
  const command = token.command('list').description('list valid tokens, without the tokens themselves');
  addExamples(command, [
    ['partway token list', 'List valid tokens, the next to expire first'],
    ['partway token list | cut -f1,3', 'Print their IDs and users'],
  ]);
  databaseCommand(command, async (db) => {
    const tokens = (await listTokens(db, Date.now())).map(toListed);
    return { text: renderTable(tokens, TOKEN_COLUMNS), json: tokens };
  });
}

type ListedToken = ReturnType<typeof toListed>;

function toListed(token: Awaited<ReturnType<typeof listTokens>>[number]) {
  return {
    id: token.id,
    kind: token.kind,
    user: token.login,
    app: token.appName,
    client_id: token.clientId,
    expires_at: new Date(token.expiresAt).toISOString(),
    scope: token.scopes,
    restricted_to: token.restrictedTo === null ? null : String(token.restrictedTo),
  };
}

const TOKEN_COLUMNS: readonly Column<ListedToken>[] = [
  { header: 'ID', cell: ({ id }) => id },
  { header: 'KIND', cell: ({ kind }) => kind },
  { header: 'USER', cell: ({ user }) => user },
  { header: 'APP', cell: ({ app }) => app ?? '-' },
  { header: 'EXPIRES', cell: ({ expires_at: expires }) => expires },
  { header: 'SCOPE', cell: ({ scope }) => scope ?? 'all' },
  { header: 'RESTRICTED TO', cell: ({ restricted_to: restrictedTo }) => restrictedTo ?? '-' },
];

/** `partway token create` */
function addTokenCreateCommand(command: Command): void {
  command
    .description('create an access token, for tools and tests')
    .option('--user <login>', 'user of the token (default: the developer)')
    .option('--expires <time>', 'lifetime, such as 15m, 12h or 30d', '1h')
    .option('--scope <scopes>', 'scopes, such as "base_upload item_download" (default: all)')
    .option('--resource <address>', 'restrict the token to a file or folder, such as folders/123');
  addExamples(command, [
    [
      "partway token create --user ann@example.com --scope 'base_upload item_download'",
      'Create a token that can only upload and download',
    ],
    ['partway token create --expires 15m --value > token.txt', 'Save a token of the developer for a script'],
  ]);
  const create = async (db: Kysely<Tables>) => {
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
  };
  databaseCommand(command, create, { mainField: 'access_token' });
}

/** `partway token revoke` */
function addTokenRevokeCommand(token: Command): void {
  const command = token.command('revoke').argument('<id>', 'ID from partway token list');
  command.description('revoke a token and all tokens of the same login or call; servers notice within 5 seconds');
  addExamples(command, [
    ['partway token revoke "$(partway token list --value | head -n 1)"', 'Revoke the token that expires next'],
    ['partway token revoke "$(partway token list --value | tail -n 1)"', 'Revoke the token that expires last'],
  ]);
  databaseCommand(command, async (db, [id = '']) => {
    if (!(await revokeTokenById(db, id)))
      throw new Error(`There is no token ${id}. List all tokens with partway token list.`);
    return { text: `Revoked token ${id}.`, json: { id } };
  });
}
