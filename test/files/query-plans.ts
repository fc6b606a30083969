import { CompiledQuery, type Kysely } from 'kysely';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { sentStatements } from '../support/sent-statements.ts';

export interface Plan {
  sql: string;
  /** What SQLite does, a step a line. */
  steps: string[];
}

/** Runs `act` and gives the plan of every statement that it sent, as the database makes it now. */
export async function plansOf(db: Kysely<Tables>, act: (watched: Kysely<Tables>) => Promise<unknown>): Promise<Plan[]> {
  const plans: Plan[] = [];
  for (const { sql, parameters } of await sentStatements(db, act)) {
    const asked = CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]);
    const { rows } = await db.executeQuery<{ detail: string }>(asked);
    plans.push({ sql, steps: rows.map(({ detail }) => detail) });
  }
  return plans;
}
