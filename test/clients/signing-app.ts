import { join } from 'node:path';
import { partway } from '../support/accounts.ts';
import type { TestServer } from '../support/server.ts';

/** An app that signs its own assertions: the JSON file that Box's SDKs read, which goes with the server. */
export async function addSigningApp(server: TestServer): Promise<string> {
  const file = join(server.dataFolder, '..', `${crypto.randomUUID()}.json`);
  await partway(server, 'app', 'add', 'signs', '--jwt-config', file);
  return file;
}
