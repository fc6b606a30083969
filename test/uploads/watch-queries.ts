import type { Kysely, OperationNode, RootOperationNode } from 'kysely';
import type { Tables } from '../../packages/server/src/database/schema.ts';

/** A statement as tests name it: what it does to which table, such as "insert parts". */
export type QueryName = `${'select' | 'insert' | 'update' | 'delete'} ${keyof Tables}`;

export interface QueryWatch {
  /** Called before a statement goes out; what it throws, the statement fails with. */
  before?: (query: QueryName) => void;
  /** As `before`, at every statement, also those that have no such name. */
  beforeAny?: () => void;
  /** Called when the database has answered. */
  after?: (query: QueryName) => unknown;
}

/** `db` with its statements watched, those in transactions too. */
export function watchQueries(db: Kysely<Tables>, { before, beforeAny, after }: QueryWatch): Kysely<Tables> {
  const names = new WeakMap<object, QueryName>();
  return db.withPlugin({
    transformQuery({ node, queryId }) {
      beforeAny?.();
      const name = nameOf(node);
      if (name !== undefined) {
        names.set(queryId, name);
        before?.(name);
      }
      return node;
    },
    async transformResult({ result, queryId }) {
      const name = names.get(queryId);
      if (name !== undefined) await after?.(name);
      return result;
    },
  });
}

/** Which of the statements of a database have not been answered yet; one that fails stays. */
export function trackQueries(db: Kysely<Tables>): { db: Kysely<Tables>; unanswered: ReadonlySet<object> } {
  const unanswered = new Set<object>();
  const tracked = db.withPlugin({
    transformQuery({ node, queryId }) {
      unanswered.add(queryId);
      return node;
    },
    async transformResult({ result, queryId }) {
      unanswered.delete(queryId);
      return result;
    },
  });
  return { db: tracked, unanswered };
}

function nameOf(node: RootOperationNode): QueryName | undefined {
  switch (node.kind) {
    case 'SelectQueryNode':
      return `select ${tableOf(node.from?.froms[0])}`;
    case 'InsertQueryNode':
      return `insert ${tableOf(node.into)}`;
    case 'UpdateQueryNode':
      return `update ${tableOf(node.table)}`;
    case 'DeleteQueryNode':
      return `delete ${tableOf(node.from.froms[0])}`;
    default:
      return undefined;
  }
}

function tableOf(node: OperationNode | undefined): keyof Tables {
  const { table } = (node ?? {}) as { table?: { identifier: { name: keyof Tables } } };
  return table?.identifier.name ?? ('' as keyof Tables);
}
