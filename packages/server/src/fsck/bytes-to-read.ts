import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { sumOf } from '../database/sum-of.ts';

/** How many bytes a check will read, about: all contents that versions name, and all parts of open sessions. */
export async function bytesToRead(db: Kysely<Tables>): Promise<number> {
  const { bytes } = await db
    .selectFrom((from) => from.selectFrom('versions').select(['content_id', 'size']).distinct().as('contents'))
    .select(sumOf('size').as('bytes'))
    .executeTakeFirstOrThrow();
  const open = await db
    .selectFrom('upload_sessions')
    .leftJoin('parts', 'parts.session_id', 'upload_sessions.id')
    .select((row) => ['staging', 'file_size', row.fn.count('parts.slot').as('parts')])
    .where('state', '=', 'open')
    .groupBy(['upload_sessions.id', 'staging', 'file_size'])
    .execute();
  return open.reduce((sum, { staging, file_size: size, parts }) => {
    const { partSize } = (JSON.parse(staging) as { grid: { partSize: number } }).grid;
    return sum + Math.min(Number(parts) * partSize, Number(size));
  }, bytes);
}
