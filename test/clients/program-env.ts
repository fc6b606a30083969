import { join } from 'node:path';
import { addApp, addUser } from '../support/accounts.ts';
import type { TestServer } from '../support/server.ts';
import { addSigningApp } from './signing-app.ts';

/** Small, so that a file of many parts is soon sent. */
export const PART_SIZE = '65536';

/** The settings of a server for small files in many parts. */
export const SMALL_PARTS = { PARTWAY_PART_SIZE: PART_SIZE, PARTWAY_MIN_SESSION_SIZE: PART_SIZE };

/** What a client's program is told: the server and its developer token, a folder to write in, apps and a user. */
export async function programEnv(server: TestServer): Promise<Record<string, string>> {
  const app = await addApp(server);
  return {
    LAB_URL: server.url,
    LAB_TOKEN: server.token,
    LAB_PART_SIZE: PART_SIZE,
    LAB_WORK: join(server.dataFolder, '..'),
    LAB_CLIENT_ID: app.clientId,
    LAB_CLIENT_SECRET: app.clientSecret,
    LAB_ENTERPRISE_ID: app.enterpriseId,
    LAB_USER_ID: await addUser(server, 'program@example.com'),
    LAB_JWT_CONFIG: await addSigningApp(server),
  };
}
