import { join } from 'node:path';
import { addApp, addUser } from '../support/accounts.ts';
import type { TestServer } from '../support/server.ts';
import { addSigningApp } from './signing-app.ts';

/** Small, so that a file with many parts uploads quickly. */
export const PART_SIZE = '65536';

/** Server settings for small files with many parts. */
export const SMALL_PARTS = { PARTWAY_PART_SIZE: PART_SIZE, PARTWAY_MIN_SESSION_SIZE: PART_SIZE };

/** The environment of a client program: the server and its developer token, a folder to write to, apps and a user. */
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
