import type { CompiledQuery, Kysely, RootOperationNode } from 'kysely';
import type { Tables } from '../../packages/server/src/database/schema.ts';

/** Runs `act` and returns all statements that it sent. */
export async function recordStatements(
  db: Kysely<Tables>,
  act: (watched: Kysely<Tables>) => Promise<unknown>,
): Promise<CompiledQuery[]> {
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
  return sent;
}
