import { CompiledQuery, type Kysely, type RootOperationNode } from 'kysely';
import type { Tables } from '../../src/sql/tables.ts';

export interface Plan {
  sql: string;
  /** What SQLite does, a step a line. */
  steps: string[];
}

/** Runs `act` and gives the plan of every statement that it sent, as the database makes it now. */
export async function plansOf(db: Kysely<Tables>, act: (watched: Kysely<Tables>) => Promise<unknown>): Promise<Plan[]> {
  const sent: CompiledQuery[] = [];
  const executor = db.getExecutor();
  const watched = db.withPlugin({
    transformQuery({ node, queryId }) {
      sent.push(executor.compileQuery(node as RootOperationNode, queryId));
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  await act(watched);
  const plans: Plan[] = [];
  for (const { sql, parameters } of sent) {
    const asked = CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]);
    const { rows } = await db.executeQuery<{ detail: string }>(asked);
    plans.push({ sql, steps: rows.map(({ detail }) => detail) });
  }
  return plans;
}
