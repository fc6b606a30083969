import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { operatorEnv, partway } from '../support/accounts.ts';
import type { TestServer } from '../support/server.ts';

const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));

type Folder = Pick<TestServer, 'dataFolder'>;

/** The output of `partway app add --json`. */
export interface AddedApp {
  client_id: string;
  client_secret: string;
  enterprise_id: string;
  service_user_id: string;
  key_ids: string[];
}

/** Runs a `partway` command with `--json` and returns its output. */
export async function partwayJson<T>(server: Folder, ...args: string[]): Promise<T> {
  return JSON.parse(await partway(server, ...args, '--json')) as T;
}

/** The same with input on stdin. Rejects with the output on stderr. */
export function partwayWithInput<T>(server: Folder, input: string, ...args: string[]): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const all = [PARTWAY, ...args, '--json', '--data', server.dataFolder];
  const child = execFile(process.execPath, all, { env: operatorEnv(server.dataFolder) }, (error, stdout, stderr) => {
    if (error === null) resolve(JSON.parse(stdout) as T);
    else reject(new Error(stderr));
  });
  child.stdin?.end(input);
  return promise;
}

/** Adds a user who can log in. Returns the ID. */
export async function addUserWithPassword(server: Folder, login: string, password: string): Promise<string> {
  const args = ['user', 'add', login, '--password-stdin'];
  return (await partwayWithInput<{ id: string }>(server, `${password}\n`, ...args)).id;
}
