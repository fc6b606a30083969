import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createToken } from '../../packages/server/src/auth/tokens/create.ts';
import { DEVELOPER_LOGIN } from '../../packages/server/src/auth/users/developer.ts';
import { readConfig } from '../../packages/server/src/config/config.ts';
import { type RunningServer, startServer } from '../../packages/server/src/server.ts';
import { type Database, newPostgresDatabase, stopPostgres } from '../database/postgres-database.ts';
import { noPostgres } from '../engines/postgres.ts';
import { WireClient, type WirePart } from '../faults/wire-client.ts';
import { startS3Proxy } from '../s3/s3-proxy.ts';
import { newLocation, whyNoS3 } from '../s3/test-store.ts';
import { seededBytes, splitIntoParts } from '../support/bytes.ts';
import { countStatements } from '../support/count-statements.ts';
import { deleteAtExit, deleteFolder } from '../support/leftovers.ts';
import { SMALL_PART } from '../support/several-servers.ts';
import { until } from '../support/until.ts';

const PARTS = 10;

after(stopPostgres);

describe('an upload over PostgreSQL and S3', { skip: whyNoS3 ?? noPostgres }, () => {
  it('costs three statements and one UploadPart per part, and the documented number to create and to commit', async (t) => {
    await using proxy = await startS3Proxy();
    await using database = await newPostgresDatabase();
    const home = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-costs-')));
    using count = countStatements();
    const server = await startNode(database.url, proxy.url, home);
    await using stack = new AsyncDisposableStack();
    stack.defer(() => deleteFolder(home));
    stack.defer(() => server.stop());
    const token = await createDeveloperToken(database);
    const client = new WireClient({ url: server.url, token });
    const bytes = seededBytes(PARTS * SMALL_PART, 'costs');
    // The background jobs of the start are finished, and the node listens for messages.
    await until(() => count.statements.some((statement) => statement.includes('pg_advisory_unlock')));
    await until(() => count.channels.some((channel) => channel.includes('partway_node_')));
    await client.names();

    const tokens: string[] = [];
    const began = performance.now();
    const measure = async <T>(what: string, act: () => Promise<T>): Promise<T> => {
      count.statements.length = 0;
      proxy.calls.length = 0;
      const result = await act();
      const [tokenStatements, others] = [
        count.statements.filter(isTokenQuery),
        count.statements.filter((one) => !isTokenQuery(one)),
      ];
      tokens.push(...tokenStatements);
      costs[what] = [others.length, [...proxy.calls]];
      return result;
    };
    const costs: Record<string, unknown> = {};
    const session = await measure('create', () => client.create('costs.bin', bytes.length));
    const parts = splitIntoParts(bytes, session.part_size);
    const sent: WirePart[] = [];
    await measure('parts', async () => {
      for (const part of parts) {
        sent.push(await client.put(session.id, part.offset, part.bytes, bytes.length));
        // The whole-file hash includes this part before the next one is sent.
        await until(() => countCheckpoints(count.statements) === sent.length);
      }
    });
    await measure('part again', () => client.put(session.id, 0, parts[0]?.bytes ?? assert.fail(), bytes.length));
    await measure('commit', () => client.commit(session.id, sent, bytes));
    // The token is cached for five seconds.
    assert.ok(tokens.length <= 1 + (performance.now() - began) / 5_000, `${tokens.length} queries for the token`);
    t.diagnostic(JSON.stringify(costs));
    assert.deepEqual(costs, {
      create: [11, ['CreateMultipartUpload']],
      parts: [3 * PARTS + 1, Array(PARTS).fill('UploadPart')],
      'part again': [1, []],
      commit: [16, ['CompleteMultipartUpload']],
    });
  });
});

async function startNode(database: string, endpoint: string, home: string): Promise<RunningServer> {
  const { bucket, prefix } = newLocation();
  return startServer(
    readConfig({
      PARTWAY_LISTEN: '127.0.0.1:0',
      PARTWAY_DATA: home,
      PARTWAY_DATABASE: database,
      PARTWAY_STORAGE: `s3://${bucket}/${prefix}`,
      PARTWAY_S3_ENDPOINT: endpoint,
      PARTWAY_S3_MIN_PART_SIZE: String(SMALL_PART),
      PARTWAY_PART_SIZE: String(SMALL_PART),
      PARTWAY_MIN_SESSION_SIZE: '0',
      PARTWAY_MAX_FILE_SIZE: '64MiB',
      PARTWAY_SPOOL_SIZE: '64MiB',
      PARTWAY_SWEEP_INTERVAL: '1h',
      PARTWAY_LOG: 'silent',
    }),
  );
}

async function createDeveloperToken(database: Database): Promise<string> {
  const db = await database.open();
  const expiresAt = Date.now() + 3_600_000;
  return (await createToken(db, { login: DEVELOPER_LOGIN, expiresAt, scope: undefined, resource: undefined })).token;
}

function isTokenQuery(statement: string): boolean {
  return statement.includes('"access_tokens"');
}

function countCheckpoints(statements: readonly string[]): number {
  return statements.filter((statement) => statement.startsWith('update "upload_sessions"')).length;
}
