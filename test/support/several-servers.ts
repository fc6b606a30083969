import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newPostgresDatabase } from '../database/postgres-database.ts';
import { newLocation } from '../s3/test-store.ts';
import { deleteAtExit, deleteFolder } from './leftovers.ts';
import { startServer, type TestServer } from './server.ts';
import { sharedSettings } from './shared-settings.ts';

/** Servers in separate processes with one PostgreSQL database and one S3 prefix, without a load balancer. */
export interface SeveralServers extends AsyncDisposable {
  servers: TestServer[];
  token: string;
}

export const SMALL_PART = 65_536;

export async function startSeveralServers(size: number, env: Record<string, string> = {}): Promise<SeveralServers> {
  const home = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-cluster-')));
  const database = await newPostgresDatabase();
  const { bucket, prefix, endpoint = '' } = newLocation();
  const place = { database: database.url, storage: `s3://${bucket}/${prefix}`, s3: endpoint };
  const settings = {
    ...(await sharedSettings(home, place)),
    PARTWAY_PART_SIZE: String(SMALL_PART),
    PARTWAY_MIN_SESSION_SIZE: '0',
    PARTWAY_SPOOL_SIZE: '64MiB',
    PARTWAY_MAX_FILE_SIZE: '64MiB',
    ...env,
  };
  // One after the other: the first one records which secrets and which store belong to the database.
  const servers: TestServer[] = [];
  for (let n = 0; n < size; n++) {
    servers.push(await startServer({ env: settings, dataFolder: join(home, `node-${n}`) }));
  }
  return {
    servers,
    token: settings.PARTWAY_TOKEN,
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      deleteFolder(home);
    },
  };
}
