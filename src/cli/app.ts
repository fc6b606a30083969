import type { Command } from 'commander';
import { ENTERPRISE_ID } from '../access/access.ts';
import { addApp } from '../access/accounts.ts';
import { listApps } from '../access/records.ts';
import { readConfig } from '../config.ts';
import { addSettings, givenSettings } from './settings-options.ts';
import { withRows } from './with-rows.ts';

/** `partway app add|list`: programs that get tokens by client_credentials. */
export function addAppCommand(program: Command): void {
  const app = program.command('app').description('add and list apps, which get tokens with an id and a secret');

  const add = app.command('add').argument('<name>', 'how the app is shown').description('add an app');
  addSettings(add, ['PARTWAY_DATA']).action(async (name: string) => {
    const made = await withRows(readConfig(givenSettings(add)), (db) => addApp(db, { name, now: Date.now() }));
    console.log(`client id      ${made.app.client_id}
client secret  ${made.clientSecret}
enterprise id  ${ENTERPRISE_ID}
service user   ${made.serviceUser.id}
The secret is shown this once. With box_subject_type=enterprise the app acts as its service user.`);
  });

  const list = app.command('list').description('list apps');
  addSettings(list, ['PARTWAY_DATA']).action(async () => {
    for (const row of await withRows(readConfig(givenSettings(list)), listApps)) {
      console.log(`${row.client_id}\t${row.name}\t${row.service_user_id}`);
    }
  });
}
