import type { NodeId, SessionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';

/** The slots of a session, from `from` on, whose bytes this node is said to have. */
export async function listLocalParts(
  db: Kysely<Tables>,
  session: SessionId,
  node: NodeId,
  from: number,
): Promise<number[]> {
  const rows = await db
    .selectFrom('parts')
    .select('part_index')
    .where('session_id', '=', session)
    .where('part_index', '>=', from)
    .where('node', '=', node)
    .where('stored', '=', 1)
    .execute();
  return rows.map(({ part_index: index }) => index);
}

/** This node has the bytes of a slot no more: nobody need ask it for them. */
export async function clearPartOwner(
  db: Kysely<Tables>,
  session: SessionId,
  node: NodeId,
  index: number,
): Promise<void> {
  await db
    .updateTable('parts')
    .set({ node: '' as NodeId })
    .where('session_id', '=', session)
    .where('part_index', '=', index)
    .where('node', '=', node)
    .execute();
}
