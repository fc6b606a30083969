import { readFile } from 'node:fs/promises';
import { addApp, type NewApp } from '@partway/server/auth/accounts';
import { addAppKey, checkPublicKey } from '@partway/server/auth/apps/keys';
import { ENTERPRISE_ID } from '@partway/server/auth/context';
import type { Command } from 'commander';
import { listOption, onRows, type Shown, textOption } from '../data-command.ts';
import { writeJwtConfig } from './app-jwt-config.ts';

/** `partway app add` */
export function addAppAddCommand(app: Command): void {
  const command = app.command('add').argument('<name>', 'how the app is shown');
  command
    .description('add an app')
    .option('--as-user', 'let it act as any user, by the As-User header')
    .option('--redirect-uri <uri...>', 'where a login may lead back to')
    .option('--public-key <file...>', 'RSA public key (PEM) with which it signs')
    .option('--jwt-config <file>', "make a key pair and write the JSON file that Box's SDKs read; it holds the secret");
  onRows(command, async (db, [name = '']) => {
    const pems = await Promise.all(listOption(command, 'publicKey').map((path) => readFile(path, 'utf8')));
    for (const pem of pems) checkPublicKey(pem);
    const asked = { asUser: command.opts().asUser === true, redirectUris: listOption(command, 'redirectUri') };
    const make = () => addApp(db, { name, now: Date.now(), ...asked });
    const config = textOption(command, 'jwtConfig');
    const { made, kids } =
      config === undefined ? { made: await make(), kids: [] } : await writeJwtConfig(db, config, make);
    for (const pem of pems) kids.push(await addAppKey(db, { clientId: made.app.client_id, pem, now: Date.now() }));
    return shown(made, kids);
  });
}

function shown({ app, clientSecret, serviceUser }: NewApp, kids: string[]): Shown {
  const keys = kids.map((kid) => `key id         ${kid}\n`).join('');
  return {
    text: `client id      ${app.client_id}
client secret  ${clientSecret}
enterprise id  ${ENTERPRISE_ID}
service user   ${serviceUser.id}
${keys}The secret is shown this once. With box_subject_type=enterprise the app acts as its service user.`,
    json: {
      client_id: app.client_id,
      client_secret: clientSecret,
      enterprise_id: ENTERPRISE_ID,
      service_user_id: String(serviceUser.id),
      key_ids: kids,
    },
  };
}
