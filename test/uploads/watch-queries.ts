import type { Kysely, OperationNode, RootOperationNode } from 'kysely';
import type { Tables } from '../../packages/server/src/database/schema.ts';

/** A statement as tests name it: an operation and a table, such as "insert parts". */
export type QueryName = `${'select' | 'insert' | 'update' | 'delete'} ${keyof Tables}`;

export interface QueryWatch {
  /** Called before a statement is sent; the statement fails with what it throws. */
  before?: (query: QueryName) => void;
  /** Like `before`, but for every statement, including those without such a name. */
  beforeAny?: () => void;
  /** Called when the database has answered. */
  after?: (query: QueryName) => unknown;
}

/** Returns `db` with its statements watched, including those in transactions. */
export function watchQueries(db: Kysely<Tables>, { before, beforeAny, after }: QueryWatch): Kysely<Tables> {
  const names = new WeakMap<object, QueryName>();
  return db.withPlugin({
    transformQuery({ node, queryId }) {
      beforeAny?.();
      const name = getQueryName(node);
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

/** Tracks which statements have not been answered; a failed one stays in the set. */
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

function getQueryName(node: RootOperationNode): QueryName | undefined {
  switch (node.kind) {
    case 'SelectQueryNode':
      return `select ${getTable(node.from?.froms[0])}`;
    case 'InsertQueryNode':
      return `insert ${getTable(node.into)}`;
    case 'UpdateQueryNode':
      return `update ${getTable(node.table)}`;
    case 'DeleteQueryNode':
      return `delete ${getTable(node.from.froms[0])}`;
    default:
      return undefined;
  }
}

function getTable(node: OperationNode | undefined): keyof Tables {
  const { table } = (node ?? {}) as { table?: { identifier: { name: keyof Tables } } };
  return table?.identifier.name ?? ('' as keyof Tables);
}
