import type { Command } from 'commander';
import { addUser } from '../access/accounts.ts';
import { listUsers } from '../access/records.ts';
import { readConfig } from '../config.ts';
import { addSettings, givenSettings } from './settings-options.ts';
import { withRows } from './with-rows.ts';

/** `partway user add|list`: the people (or services) who own files. */
export function addUserCommand(program: Command): void {
  const user = program.command('user').description('add and list users');

  const add = user.command('add').argument('<login>', 'a name of its own, such as an e-mail address');
  add
    .description('add a user, with an empty root folder')
    .option('--name <name>', 'how the user is shown; the login unless set');
  addSettings(add, ['PARTWAY_DATA']).action(async (login: string) => {
    const name = (add.opts().name as string | undefined) ?? login;
    const made = await withRows(readConfig(givenSettings(add)), (db) => addUser(db, { login, name, now: Date.now() }));
    console.log(`user id  ${made.id}\nlogin    ${made.login}`);
  });

  const list = user.command('list').description('list users');
  addSettings(list, ['PARTWAY_DATA']).action(async () => {
    for (const row of await withRows(readConfig(givenSettings(list)), listUsers)) {
      console.log(`${row.id}\t${row.login}\t${row.name}`);
    }
  });
}
