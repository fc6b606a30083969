import { CompiledQuery, type Kysely } from 'kysely';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { recordStatements } from '../support/record-statements.ts';

export interface Plan {
  sql: string;
  /** The steps of SQLite, one per line. */
  steps: string[];
}

/** Runs `act` and returns the plan of every statement that it sent, as the database would now run it. */
export async function explainStatements(
  db: Kysely<Tables>,
  act: (watched: Kysely<Tables>) => Promise<unknown>,
): Promise<Plan[]> {
  const plans: Plan[] = [];
  for (const { sql, parameters } of await recordStatements(db, act)) {
    const query = CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]);
    const { rows } = await db.executeQuery<{ detail: string }>(query);
    plans.push({ sql, steps: rows.map(({ detail }) => detail) });
  }
  return plans;
}
