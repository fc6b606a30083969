import assert from 'node:assert/strict';
import { it } from 'node:test';
import { sql } from 'kysely';
import type { DatabaseError } from '../../packages/server/src/database/errors.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import { noPostgres, startPostgres } from '../engines/postgres.ts';

it('uses TLS to PostgreSQL if the URL says so, and only with a valid certificate', {
  skip: noPostgres,
}, async () => {
  await using server = await startPostgres({ tls: true });
  const isEncrypted = async (query: string): Promise<unknown> => {
    const db = openPostgres(`${server.url}${query}`);
    try {
      const { rows } = await sql<{ ssl: boolean }>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`.execute(
        db,
      );
      return rows[0]?.ssl;
    } finally {
      await db.destroy();
    }
  };
  assert.equal(await isEncrypted(''), false);
  assert.equal(await isEncrypted(`?sslmode=verify-full&sslrootcert=${server.ca}`), true);
  await assert.rejects(isEncrypted('?sslmode=verify-full'), (error: DatabaseError) =>
    /certificate/.test(String((error.cause as Error).message)),
  );
});
