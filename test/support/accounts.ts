import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestServer } from './server.ts';
import { storageSettings } from './storage.ts';
import { databaseSettings } from './test-database.ts';

const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));
const run = promisify(execFile);

/** Runs a `partway` command on a server's data folder, as its operator would, and returns what it printed. */
export async function partway({ dataFolder }: Pick<TestServer, 'dataFolder'>, ...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [PARTWAY, ...args, '--data', dataFolder], {
    env: operatorEnv(dataFolder),
  });
  return stdout;
}

/** The environment in which an operator works on a server's data folder, with its database and store. */
export function operatorEnv(dataFolder: string): NodeJS.ProcessEnv {
  return { ...process.env, ...databaseSettings(dataFolder), ...storageSettings(dataFolder) };
}

export interface TestApp {
  clientId: string;
  clientSecret: string;
  enterpriseId: string;
}

/** Runs `partway app add`. */
export async function addApp(server: TestServer, name = 'test'): Promise<TestApp> {
  const printed = await partway(server, 'app', 'add', name);
  const field = (label: string) => new RegExp(`^${label} +(\\S+)$`, 'm').exec(printed)?.[1] ?? '';
  return { clientId: field('client id'), clientSecret: field('client secret'), enterpriseId: field('enterprise id') };
}

/** Runs `partway user add` and returns the user's ID. */
export async function addUser(server: TestServer, login: string): Promise<string> {
  return /^user id +([0-9]+)$/m.exec(await partway(server, 'user', 'add', login))?.[1] ?? '';
}

/** Sends POST /oauth2/token with a form. */
export function requestToken(server: Pick<TestServer, 'url'>, form: Record<string, string>): Promise<Response> {
  return fetch(`${server.url}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) });
}

/** Gets a token of the user with `client_credentials`. */
export async function getUserToken(server: TestServer, app: TestApp, userId: string): Promise<string> {
  const answer = await requestToken(server, {
    grant_type: 'client_credentials',
    client_id: app.clientId,
    client_secret: app.clientSecret,
    box_subject_type: 'user',
    box_subject_id: userId,
  });
  const body = (await answer.json()) as { access_token: string };
  if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${JSON.stringify(body)}`);
  return body.access_token;
}
