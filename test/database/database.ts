import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { migrate } from '../../packages/server/src/database/migrate.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { openSqlite } from '../../packages/server/src/database/sqlite/sqlite.ts';

/** An SQLite file in a folder of its own, and every connection to it. */
export interface Database extends AsyncDisposable {
  path: string;
  /** A connection to the file, with the schema in place. */
  open(): Promise<Kysely<Tables>>;
  /** A connection to the file as it is. */
  openAsItIs(): Kysely<Tables>;
}

/** @param readers Threads that read, for each connection; 0 opens it in half the time. */
export async function newDatabase({ readers }: { readers?: number } = {}): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), 'partway-sqlite-'));
  const path = join(folder, 'rows.sqlite');
  const opened: Kysely<Tables>[] = [];
  const openAsItIs = () => {
    const db = openSqlite(path, readers === undefined ? {} : { readers });
    opened.push(db);
    return db;
  };
  return {
    path,
    openAsItIs,
    async open() {
      const db = openAsItIs();
      await migrate(db);
      return db;
    },
    async [Symbol.asyncDispose]() {
      for (const db of opened) await db.destroy();
      await rm(folder, { recursive: true });
    },
  };
}
