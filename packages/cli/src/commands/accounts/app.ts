import { open, readFile, rm } from 'node:fs/promises';
import { addApp, type NewApp } from '@partway/server/auth/accounts';
import { addAppKey, checkPublicKey, createKeyPair, renderJwtConfig } from '@partway/server/auth/apps/keys';
import { getChangeableApp, listAppKeys, listApps, listRedirects } from '@partway/server/auth/apps/store';
import { ENTERPRISE_ID } from '@partway/server/auth/context';
import type { AppRow, Tables } from '@partway/server/database/schema';
import type { Command } from 'commander';
import type { Kysely } from 'kysely';
import { type Column, renderTable } from '../../output/table.ts';
import { databaseCommand, listOption, type Output, textOption } from '../data-command.ts';
import { addExamples } from '../examples.ts';
import { addAppRemoveCommand, addAppRotateCommand } from './change-app.ts';

/** `partway app …` */
export function addAppCommand(program: Command): void {
  const app = program
    .command('app')
    .description('add, list, change and remove apps, which get tokens with a client ID and secret');
  addExamples(app, [
    ['partway app add importer', 'Add an app, and print its client ID and secret'],
    ['partway app list', 'List apps'],
  ]);
  addAppAddCommand(app);
  addAppKeyCommand(app);
  addAppRotateCommand(app);
  addAppRemoveCommand(app);
  addAppListCommand(app);
}

/** `partway app add` */
function addAppAddCommand(app: Command): void {
  const command = app.command('add').argument('<name>', 'display name');
  command
    .description('add an app')
    .option('--as-user', 'allow the app to act as any user with the As-User header')
    .option('--redirect-uri <uri...>', 'URIs to which a login can redirect')
    .option('--public-key <file...>', 'RSA public keys (PEM) for its JWT assertions')
    .option('--jwt-config <file>', "generate a key pair and write the JSON file for Box's SDKs, including the secret");
  addExamples(command, [
    ['partway app add importer --jwt-config importer.json', "Write the configuration file that Box's SDKs read"],
    [
      'partway app add portal --redirect-uri https://portal.example.com/callback',
      'Add an app to which users log in with a browser',
    ],
    [
      'partway app add mirror --as-user --value > secret.txt',
      'Add an app that can act as any user, and save its secret',
    ],
  ]);
  const add = async (db: Kysely<Tables>, [name = '']: string[]) => {
    const pems = await Promise.all(listOption(command, 'publicKey').map((path) => readFile(path, 'utf8')));
    for (const pem of pems) checkPublicKey(pem);
    const options = { asUser: command.opts().asUser === true, redirectUris: listOption(command, 'redirectUri') };
    const createApp = () => addApp(db, { name, now: Date.now(), ...options });
    const config = textOption(command, 'jwtConfig');
    const { created, kids } =
      config === undefined ? { created: await createApp(), kids: [] } : await writeJwtConfig(db, config, createApp);
    for (const pem of pems) kids.push(await addAppKey(db, { clientId: created.app.client_id, pem, now: Date.now() }));
    return renderNewApp(created, kids);
  };
  databaseCommand(command, add, { mainField: 'client_secret' });
}

function renderNewApp({ app, clientSecret, serviceUser }: NewApp, kids: string[]): Output {
  const keys = kids.map((kid) => `key id         ${kid}\n`).join('');
  return {
    text: `client id      ${app.client_id}
client secret  ${clientSecret}
enterprise id  ${ENTERPRISE_ID}
service user   ${serviceUser.id}
${keys}The secret will not be shown again. With box_subject_type=enterprise, the app acts as its service user.`,
    json: {
      client_id: app.client_id,
      client_secret: clientSecret,
      enterprise_id: ENTERPRISE_ID,
      service_user_id: String(serviceUser.id),
      key_ids: kids,
    },
  };
}

/** `partway app list` */
function addAppListCommand(app: Command): void {
  const list = async (db: Kysely<Tables>) => {
    const apps: ListedApp[] = [];
    for (const row of await listApps(db)) apps.push(await toListed(db, row));
    return { text: renderTable(apps, APP_COLUMNS), json: apps };
  };
  const command = app.command('list').description('list apps');
  addExamples(command, [
    ['partway app list', 'List apps'],
    ['partway app list | cut -f1,2', 'Print client IDs and names'],
  ]);
  databaseCommand(command, list, { mainField: 'client_id' });
}

type ListedApp = Awaited<ReturnType<typeof toListed>>;

async function toListed(db: Kysely<Tables>, app: AppRow) {
  return {
    client_id: app.client_id,
    name: app.name,
    service_user_id: app.service_user_id === null ? null : String(app.service_user_id),
    as_user: app.as_user === 1,
    redirect_uris: await listRedirects(db, app.client_id),
    key_ids: (await listAppKeys(db, app.client_id)).map(({ kid }) => kid),
  };
}

const APP_COLUMNS: readonly Column<ListedApp>[] = [
  { header: 'CLIENT ID', cell: (app) => app.client_id },
  { header: 'NAME', cell: (app) => app.name },
  { header: 'SERVICE USER', cell: (app) => app.service_user_id ?? '-' },
  { header: 'AS-USER', cell: (app) => (app.as_user ? 'yes' : 'no') },
  { header: 'REDIRECT URIS', cell: (app) => app.redirect_uris.join(' ') || '-' },
  { header: 'KEY IDS', cell: (app) => app.key_ids.join(' ') || '-' },
];

/** `partway app key add` */
function addAppKeyCommand(app: Command): void {
  const key = app.command('key').description('manage the public keys of apps');
  addExamples(key, [
    [
      'partway app key add "$(partway app list --value | tail -n 1)" key.pem',
      'Register a public key for the newest app',
    ],
    ['partway app list --value key_ids', 'Print the key IDs of each app'],
  ]);
  const command = key
    .command('add')
    .argument('<client-id>', 'client ID of the app')
    .argument('<file>', 'RSA public key (PEM)');
  addExamples(command, [
    [
      'partway app key add "$(partway app list --value | tail -n 1)" key.pem',
      'Register a public key for the newest app',
    ],
    [
      'partway app key add "$(partway app list --value | tail -n 1)" key.pem --value > key-id.txt',
      'Save the ID of the key',
    ],
  ]);
  const addKey = async (db: Kysely<Tables>, [clientId = '', path = '']: string[]) => {
    const pem = await readFile(path, 'utf8');
    await getChangeableApp(db, clientId);
    const kid = await addAppKey(db, { clientId, pem, now: Date.now() });
    return { text: `key id  ${kid}`, json: { client_id: clientId, key_id: kid } };
  };
  databaseCommand(command.description('register a public key'), addKey, { mainField: 'key_id' });
}

/** Creates an app with a key pair, and writes the configuration for Box's SDKs to a new file with mode 0600. */
async function writeJwtConfig(
  db: Kysely<Tables>,
  path: string,
  createApp: () => Promise<NewApp>,
): Promise<{ created: NewApp; kids: string[] }> {
  await using file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? new Error(`${path} already exists. Move it, or choose another file.`) : error;
  });
  try {
    const pair = await createKeyPair();
    const created = await createApp();
    const clientId = created.app.client_id;
    const kid = await addAppKey(db, { clientId, pem: pair.publicKey, now: Date.now() });
    await file.writeFile(renderJwtConfig({ clientId, clientSecret: created.clientSecret, kid }, pair));
    return { created, kids: [kid] };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}
