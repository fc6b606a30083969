import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CompiledQuery, type Kysely, sql } from 'kysely';
import type { ItemId, SessionId } from '../../packages/protocol/src/ids.ts';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import type { ItemRow, Tables, UserRow } from '../../packages/server/src/database/schema.ts';
import { checkPlace } from '../../packages/server/src/files/check-place.ts';
import { findNameConflict } from '../../packages/server/src/files/names.ts';
import {
  FOLDER_COLUMNS,
  type ItemOrder,
  listByMarker,
  listByOffset,
  listTrashByMarker,
  type PageCursor,
  type SortBy,
} from '../../packages/server/src/files/paging.ts';
import {
  countParts,
  deleteEndedSessions,
  findPart,
  findReferencedBlobs,
  findSession,
  insertPart,
  listOpenSessions,
  listOverdueSessions,
  listParts,
} from '../../packages/server/src/uploads/session-store.ts';
import { noPostgres } from '../engines/postgres.ts';
import { recordStatements } from '../support/record-statements.ts';
import { newPart, randomBlobId } from '../uploads/session-samples.ts';
import { type Database, newPostgresDatabase, stopPostgres } from './postgres-database.ts';

/** Enough rows that PostgreSQL's planner considers a scan or a sort expensive. */
const ROWS = 20_000;
const SESSION = 'A'.repeat(32) as SessionId;
const ORDERS: ItemOrder[] = (['name', 'id', 'date', 'size'] as const).flatMap((by) =>
  (['asc', 'desc'] as const).map((direction) => ({ by, direction })),
);

interface Step {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'CTE Name'?: string;
  Plans?: Step[];
}

describe('query plans of PostgreSQL with many rows', { skip: noPostgres, timeout: 600_000 }, () => {
  let database: Database;
  let db: Kysely<Tables>;
  let owner: UserRow;
  let folder: ItemRow;
  before(async () => {
    database = await newPostgresDatabase();
    db = await database.open();
    owner = await addUser(db, { login: 'many@partway.test', name: 'Many', now: 1 });
    folder = (await db.selectFrom('items').selectAll().where('id', '=', owner.root_id).executeTakeFirst()) as ItemRow;
    await fill(db, owner);
  });
  after(async () => {
    await database[Symbol.asyncDispose]();
    await stopPostgres();
  });

  for (const order of ORDERS) {
    it(`read a page of a folder by ${order.by}, ${order.direction}, along its index`, async () => {
      const behind: PageCursor = { ...order, kind: 'file', key: sortKey(order.by), id: 500_000 as ItemId };
      const steps = await explainStatements(db, async (watched) => {
        await listByMarker(watched, folder, { marker: undefined, limit: 100, order });
        await listByMarker(watched, folder, { marker: behind, limit: 100, order });
        await listByOffset(watched, folder, { offset: 0, limit: 100, order });
      });
      assertSeeks(steps);
    });
  }

  it('find a name, a free name and a page of the trash by index', async () => {
    const place = { folderId: folder.id, name: 'name-77' };
    assertSeeks(
      await explainStatements(db, async (watched) => {
        assert.ok(await findNameConflict(watched, place));
        await checkPlace(watched, { owner: owner.id, ...place, name: 'free' });
        const { next } = await listTrashByMarker(watched, owner.id, { marker: undefined, limit: 10 });
        await listTrashByMarker(watched, owner.id, { marker: next, limit: 10 });
      }),
    );
  });

  it('find a session and its parts by index', async () => {
    assertSeeks(
      await explainStatements(db, async (watched) => {
        assert.ok(await findSession(watched, SESSION));
        assert.ok(await findPart(watched, SESSION, 1));
        assert.equal((await listParts(watched, SESSION)).length, 10);
        assert.equal(await countParts(watched, SESSION), 10);
        await insertPart(watched, SESSION, newPart(10), 1);
      }),
    );
  });

  it('find the rows for background jobs by index', async () => {
    assertSeeks(
      await explainStatements(db, async (watched) => {
        await listOverdueSessions(watched, ROWS, 100);
        await listOpenSessions(watched, SESSION, 100);
        await deleteEndedSessions(watched, { now: 3_000, expiredBefore: 3_000 });
        await findReferencedBlobs(watched, Array.from({ length: 100 }, randomBlobId));
      }),
    );
  });
});

function sortKey(by: SortBy): string | number {
  return FOLDER_COLUMNS[by] === 'name_key' ? 'name-5' : 500;
}

/** Asserts that no large table is scanned and no page is sorted; the result of walking through the tree may be. */
function assertSeeks(plans: Map<string, Step[]>): void {
  assert.ok(plans.size > 0);
  for (const [statement, steps] of plans) {
    // The parts of one session are few, and are found first.
    const sorts = statement.includes('with recursive') || statement.includes('from "parts"');
    for (const step of steps) {
      if (step['Node Type'] === 'Seq Scan') assert.fail(`${step['Relation Name']} is scanned by ${statement}`);
      if (!sorts) assert.notEqual(step['Node Type'], 'Sort', `sorted: ${statement}`);
    }
  }
}

/** Runs `act` and returns the plan steps of every statement that it sent. */
async function explainStatements(db: Kysely<Tables>, act: (watched: Kysely<Tables>) => Promise<unknown>) {
  const plans = new Map<string, Step[]>();
  for (const { sql: statement, parameters } of await recordStatements(db, act)) {
    const asked = CompiledQuery.raw(`explain (format json) ${statement}`, [...parameters]);
    const { rows } = await db.executeQuery<{ 'QUERY PLAN': [{ Plan: Step }] }>(asked);
    plans.set(statement, allSteps(rows[0]?.['QUERY PLAN'][0].Plan));
  }
  return plans;
}

function allSteps(step: Step | undefined): Step[] {
  return step === undefined ? [] : [step, ...(step.Plans ?? []).flatMap(allSteps)];
}

async function fill(db: Kysely<Tables>, owner: UserRow): Promise<void> {
  const n = sql`generate_series(1, ${sql.lit(ROWS)}) as n`;
  await sql`insert into users (id, login, login_key, name, name_key, role, details, root_id, created_at, modified_at) select n, 'user-' || n, 'user-' || n, 'User', 'user', 'user', '', n, n, n from ${n}`.execute(
    db,
  );
  const item = (parent: string, base: number, trashed: boolean) => sql`
    insert into items (id, kind, owner_id, parent_id, name, name_key, description, etag, version_id, created_at, modified_at,
      content_created_at, content_modified_at, created_by, modified_by, trashed_at, trashed_with, size)
    select ${sql.lit(base)} + n, case when n % 10 = 0 then 'folder' else 'file' end, ${owner.id}::bigint, ${sql.raw(parent)},
      'name-' || n, 'name-' || n, '', 0, ${sql.lit(base)} + n, n, n, n, n, ${owner.id}::bigint, ${owner.id}::bigint,
      ${sql.raw(trashed ? `n, ${base} + n` : 'null, null')}, n from ${n}`;
  await item(String(owner.root_id), 100_000, false).execute(db);
  await item('100010', 200_000, false).execute(db);
  await item(String(owner.root_id), 300_000, true).execute(db);
  await sql`insert into versions (id, file_id, blob_id, name, size, sha1, created_at, created_by)
    select id, id, md5(id::text), name, size, '', 1, owner_id from items where kind = 'file' and parent_id is not null`.execute(
    db,
  );
  await sql`insert into upload_sessions (id, owner_id, folder_id, name, blob_id, staged_blob, file_size, state, created_at, expires_at)
    select upper(md5(n::text)), n, n, 'name', md5(n::text), '{}', 1,
      case n % 3 when 0 then 'open' when 1 then 'committed' else 'expired' end, n, n from ${n}`.execute(db);
  await sql`insert into upload_sessions (id, owner_id, folder_id, name, blob_id, staged_blob, file_size, state, created_at, expires_at)
    values (${SESSION}, 1, 1, 'name', 'the content',
      '{"blob":"c","layout":{"fileSize":1,"partSize":1,"partCount":1}}', 1, 'open', 1, 1000000)`.execute(db);
  await sql`insert into parts (session_id, part_index, sha1, tag, created_at)
    select id, part, '', '', 1 from upload_sessions, generate_series(0, 9) as part`.execute(db);
  await sql`analyze`.execute(db);
}
