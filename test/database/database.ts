import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { migrate } from '../../packages/server/src/database/migrate.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { openSqlite } from '../../packages/server/src/database/sqlite/sqlite.ts';

/** An SQLite file in its own folder, and every connection to it. */
export interface Database extends AsyncDisposable {
  path: string;
  /** Opens a connection to the file, with the schema. */
  open(): Promise<Kysely<Tables>>;
  /** Opens a connection to the file without migrating it. */
  openUnmigrated(): Kysely<Tables>;
}

/** @param readers The number of reading threads per connection; 0 opens it in half the time. */
export async function newDatabase({ readers }: { readers?: number } = {}): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), 'partway-sqlite-'));
  const path = join(folder, 'rows.sqlite');
  const opened: Kysely<Tables>[] = [];
  const openUnmigrated = () => {
    const db = openSqlite(path, readers === undefined ? {} : { readers });
    opened.push(db);
    return db;
  };
  return {
    path,
    openUnmigrated: openUnmigrated,
    async open() {
      const db = openUnmigrated();
      await migrate(db);
      return db;
    },
    async [Symbol.asyncDispose]() {
      for (const db of opened) await db.destroy();
      await rm(folder, { recursive: true });
    },
  };
}
