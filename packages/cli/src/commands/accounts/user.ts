import { addUser } from '@partway/server/auth/accounts';
import { changePassword } from '@partway/server/auth/users/change-password';
import type { Account } from '@partway/server/auth/users/list';
import { assertPassword } from '@partway/server/auth/users/password';
import { getUserByLogin, isUserStatus, setQuota, USER_STATUSES } from '@partway/server/auth/users/store';
import { setStatus } from '@partway/server/auth/users/update';
import { parseBytes } from '@partway/server/config/parse';
import type { Command } from 'commander';
import { type Column, renderTable } from '../../output/table.ts';
import { readPassword } from '../../output/terminal.ts';
import { databaseCommand, textOption } from '../data-command.ts';
import { addExamples } from '../examples.ts';
import { addUserDeleteCommand, addUserRenameCommand } from './change-user.ts';

/** `partway user …` */
export function addUserCommand(program: Command): void {
  const user = program.command('user').description('add, list, change and delete users');
  addExamples(user, [
    ['partway user add carol@example.com --name Carol', 'Add a user who gets access with tokens'],
    ['partway user list', 'See how much each user stores'],
  ]);
  addUserAddCommand(user);
  addUserPasswordCommand(user);
  addUserQuotaCommand(user);
  addUserStatusCommand(user);
  addUserRenameCommand(user);
  addUserDeleteCommand(user);
  addUserListCommand(user);
}

/** `partway user add` */
function addUserAddCommand(user: Command): void {
  const command = user.command('add').argument('<login>', 'unique login, such as an email address');
  command
    .description('add a user, with an empty root folder')
    .option('--name <name>', 'display name (default: the login)')
    .option('--quota <size>', 'quota: a size such as 500MB or 2TiB, or none for no limit (default: that of the server)')
    .option('--password-stdin', 'read a password from stdin, with which the user can log in');
  addExamples(command, [
    ["partway user add frank@example.com --name 'Frank Miller' --quota 50GB", 'Add a user with a quota'],
    ['partway user add gina@example.com --password-stdin < password.txt', 'Add a user who can log in with a password'],
  ]);
  databaseCommand(command, async (db, [login = '']) => {
    const password = command.opts().passwordStdin === true ? await readPassword() : undefined;
    if (password !== undefined) assertPassword(password);
    const spaceQuota = parseQuota(textOption(command, 'quota') ?? 'default') ?? undefined;
    const name = textOption(command, 'name') ?? login;
    const created = await addUser(db, { login, name, now: Date.now(), spaceQuota });
    if (password !== undefined) await changePassword(db, { login, password });
    return {
      text: `user id  ${created.id}\nlogin    ${created.login}`,
      json: { id: String(created.id), login: created.login, name: created.name },
    };
  });
}

/** `partway user list` */
function addUserListCommand(user: Command): void {
  const command = user.command('list').description('list users with their usage and quota');
  addExamples(command, [
    ['partway user list', 'List users, with sizes for people'],
    ['partway user list | cut -f2,5', 'Print logins and the bytes that they use'],
  ]);
  databaseCommand(
    command,
    async (db) => {
      const { listAccounts } = await import('@partway/server/auth/users/list');
      const users = (await listAccounts(db)).map(toListed);
      return { text: renderTable(users, USER_COLUMNS), json: users };
    },
    { mainField: 'login' },
  );
}

type ListedUser = ReturnType<typeof toListed>;

function toListed(user: Account) {
  return {
    id: String(user.id),
    login: user.login,
    name: user.name,
    status: user.status,
    can_log_in: user.password_hash !== null,
    space_used: user.space_used,
    space_reserved: user.space_reserved,
    quota: toQuota(user.space_quota),
  };
}

const USER_COLUMNS: readonly Column<ListedUser>[] = [
  { header: 'ID', cell: ({ id }) => id },
  { header: 'LOGIN', cell: ({ login }) => login },
  { header: 'NAME', cell: ({ name }) => name },
  { header: 'STATUS', cell: ({ status }) => status },
  { header: 'USED', cell: ({ space_used: used }) => used },
  { header: 'RESERVED', cell: ({ space_reserved: reserved }) => reserved },
  { header: 'QUOTA', cell: ({ quota }) => quota },
];

/** `partway user password` */
function addUserPasswordCommand(user: Command): void {
  const command = user.command('password').argument('<login>', 'login of the user');
  command.description('set a password, read from stdin; also revokes all tokens of the user');
  addExamples(command, [
    ['partway user password ann@example.com < password.txt', 'Set the password of a user'],
    ['partway user password developer@partway.local < password.txt', 'Let the developer log in with a browser'],
  ]);
  databaseCommand(
    command,
    async (db, [login = '']) => {
      await changePassword(db, { login, password: await readPassword() });
      return { text: `Set the password of ${login} and revoked all their tokens.`, json: { login } };
    },
    { mainField: 'login' },
  );
}

/** `partway user quota` */
function addUserQuotaCommand(user: Command): void {
  const command = user.command('quota').argument('<login>', 'login of the user');
  command
    .argument('<quota>', 'a size such as 500MB or 2TiB; none for no limit; default for that of the server')
    .description("set a user's quota; existing files are kept");
  addExamples(command, [
    ['partway user quota ann@example.com 500GB', 'Limit what a user can store'],
    ['partway user quota bob@example.com none', 'Remove the limit, also that of the server'],
  ]);
  databaseCommand(
    command,
    async (db, [login = '', text = '']) => {
      const parsed = parseQuota(text);
      const { id } = await getUserByLogin(db, login);
      await setQuota(db, id, parsed);
      const quota = toQuota(parsed);
      const unit = typeof quota === 'number' ? ' bytes' : '';
      return { text: `The quota of ${login} is ${quota}${unit}.`, json: { login, quota } };
    },
    { mainField: 'quota' },
  );
}

/** `partway user status` */
function addUserStatusCommand(user: Command): void {
  const command = user.command('status').argument('<login>', 'login of the user');
  command
    .argument('<status>', USER_STATUSES.join(', '))
    .description('set a user\'s status; "inactive" also revokes their tokens');
  addExamples(command, [
    ['partway user status bob@example.com inactive', 'End the access of a user, and keep the files'],
    ['partway user status bob@example.com active', 'Give it back'],
  ]);
  databaseCommand(
    command,
    async (db, [login = '', status = '']) => {
      if (!isUserStatus(status)) throw new Error(`${status} is not a status. Use one of: ${USER_STATUSES.join(', ')}.`);
      await db.transaction().execute(async (tx) => setStatus(tx, await getUserByLogin(tx, login), status));
      return { text: `The status of ${login} is ${status}.`, json: { login, status } };
    },
    { mainField: 'status' },
  );
}

/** Parses a quota. Returns bytes, -1 for no limit, or null for the server's default, as in the database. */
function parseQuota(text: string): number | null {
  if (text === 'none') return -1;
  if (text === 'default') return null;
  const bytes = parseBytes(text);
  if (bytes === undefined) {
    throw new Error(`${text} is not a quota. Use a size such as 500MB or 2TiB, none for no limit, or default.`);
  }
  return bytes;
}

/** The quota in the output: bytes, `none` for no limit, or `default` for that of the server. */
function toQuota(quota: number | null | undefined): number | 'none' | 'default' {
  return quota === -1 ? 'none' : (quota ?? 'default');
}
