import { join } from 'node:path';
import { partway } from '../support/accounts.ts';
import type { TestServer } from '../support/server.ts';

/**
 * Adds an app that signs its own assertions; returns the path of its JSON file for Box's SDKs, which is deleted with
 * the server.
 */
export async function addSigningApp(server: TestServer): Promise<string> {
  const file = join(server.dataFolder, '..', `${crypto.randomUUID()}.json`);
  await partway(server, 'app', 'add', 'signs', '--jwt-config', file);
  return file;
}
