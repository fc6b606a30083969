import type { NodeId, SessionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';

/** Lists the parts of a session, from index `from`, that this node has in its local cache according to their rows. */
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

/** Records that this node no longer has the bytes of a part. */
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
