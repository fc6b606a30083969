import { addUser } from '@partway/server/auth/accounts';
import { changePassword } from '@partway/server/auth/users/change-password';
import { assertPassword } from '@partway/server/auth/users/password';
import { getUserByLogin, isUserStatus, setQuota, USER_STATUSES } from '@partway/server/auth/users/store';
import { setStatus } from '@partway/server/auth/users/update';
import { parseBytes } from '@partway/server/config/parse';
import type { Command } from 'commander';
import { readPassword } from '../../output/terminal.ts';
import { alignColumns, databaseCommand, textOption } from '../data-command.ts';

/** `partway user …`: the people (or services) who own files. */
export function addUserCommand(program: Command): void {
  const user = program.command('user').description('add and list users, and set their passwords, quotas and status');
  addUserAddCommand(user);
  addUserPasswordCommand(user);
  addUserQuotaCommand(user);
  addUserStatusCommand(user);
  addUserListCommand(user);
}

/** `partway user add` */
function addUserAddCommand(user: Command): void {
  const command = user.command('add').argument('<login>', 'a name of its own, such as an e-mail address');
  command
    .description('add a user, with an empty root folder')
    .option('--name <name>', 'how the user is shown; the login unless set')
    .option(
      '--quota <size>',
      'how much the user may keep: a size, none for no limit; as the server is set unless given',
    )
    .option('--password-stdin', 'let the user log in, with the password that comes on stdin');
  databaseCommand(command, async (db, [login = '']) => {
    const password = command.opts().passwordStdin === true ? await readPassword() : undefined;
    if (password !== undefined) assertPassword(password);
    const spaceQuota = parseQuota(textOption(command, 'quota') ?? 'default') ?? undefined;
    const name = textOption(command, 'name') ?? login;
    const made = await addUser(db, { login, name, now: Date.now(), spaceQuota });
    if (password !== undefined) await changePassword(db, { login, password });
    return {
      text: `user id  ${made.id}\nlogin    ${made.login}`,
      json: { id: String(made.id), login: made.login, name: made.name },
    };
  });
}

/** `partway user list` */
function addUserListCommand(user: Command): void {
  databaseCommand(user.command('list').description('list users, with what they keep and may keep'), async (db) => {
    const { listAccounts } = await import('@partway/server/auth/users/list');
    const users = await listAccounts(db);
    return {
      text: alignColumns(
        users.map((one) => [
          String(one.id),
          one.login,
          one.name,
          one.status,
          `${one.space_used} used`,
          `${one.space_reserved} reserved`,
          `quota ${shownQuota(one.space_quota)}`,
        ]),
      ),
      json: users.map((one) => ({
        id: String(one.id),
        login: one.login,
        name: one.name,
        status: one.status,
        can_log_in: one.password_hash !== null,
        space_used: one.space_used,
        space_reserved: one.space_reserved,
        quota: one.space_quota === -1 ? 'none' : (one.space_quota ?? 'default'),
      })),
    };
  });
}

/** `partway user password` */
function addUserPasswordCommand(user: Command): void {
  const command = user.command('password').argument('<login>', 'whose');
  command.description('set a password, which comes on stdin; all tokens of the user end');
  databaseCommand(command, async (db, [login = '']) => {
    await changePassword(db, { login, password: await readPassword() });
    return { text: `The password of ${login} is set, and all their tokens have ended.`, json: { login } };
  });
}

/** `partway user quota` */
function addUserQuotaCommand(user: Command): void {
  const command = user.command('quota').argument('<login>', 'whose');
  command
    .argument('<quota>', 'a size such as 500MB or 2TiB; none for no limit; default for what the server is set to')
    .description('set how much a user may keep; what they have already stays');
  databaseCommand(command, async (db, [login = '', quota = '']) => {
    const parsed = parseQuota(quota);
    const { id } = await getUserByLogin(db, login);
    await setQuota(db, id, parsed);
    return {
      text: `The quota of ${login} is ${shownQuota(parsed)}${typeof parsed === 'number' && parsed >= 0 ? ' bytes' : ''}.`,
      json: { login, quota: parsed === -1 ? 'none' : (parsed ?? 'default') },
    };
  });
}

/** `partway user status` */
function addUserStatusCommand(user: Command): void {
  const command = user.command('status').argument('<login>', 'whose');
  command
    .argument('<status>', USER_STATUSES.join(', '))
    .description('say what a user may do at all; all tokens of one who becomes inactive end');
  databaseCommand(command, async (db, [login = '', status = '']) => {
    if (!isUserStatus(status)) throw new Error(`${status} is no status: give one of ${USER_STATUSES.join(', ')}.`);
    await db.transaction().execute(async (tx) => setStatus(tx, await getUserByLogin(tx, login), status));
    return { text: `${login} is ${status}.`, json: { login, status } };
  });
}

/** A quota as an operator writes it, in the form of a user's row: bytes, -1 for no limit, null for the server's. */
function parseQuota(text: string): number | null {
  if (text === 'none') return -1;
  if (text === 'default') return null;
  const bytes = parseBytes(text);
  if (bytes === undefined) {
    throw new Error(`${text} is no quota: give a size such as 500MB or 2TiB, none for no limit, or default.`);
  }
  return bytes;
}

/** The same, as it is printed. */
function shownQuota(quota: number | null): string {
  return quota === -1 ? 'none' : String(quota ?? 'default');
}
