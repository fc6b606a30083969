import assert from 'node:assert/strict';
import { chmod, open, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Hex, splitIntoParts } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { type CommandResult, jsonLines, run } from './run.ts';

const PART = 65_536;
const SIZE = 4 * PART + 100;
const ORPHAN = 'f0'.repeat(16);
const RECENT = 'f1'.repeat(16);

let server: TestServer;
before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '0' } });
});
after(() => server[Symbol.asyncDispose]());

const fsck = (...args: string[]) => run(['fsck', '--data', server.dataFolder, ...args]);
const at = (...path: string[]) => join(server.dataFolder, ...path);
const blobPath = (id: string) => at('blobs', id.slice(0, 2), id.slice(2, 4), id);

function selectRows<Row>(sql: string): Row[] {
  const db = new DatabaseSync(at('partway.sqlite'));
  try {
    return db.prepare(sql).all() as Row[];
  } finally {
    db.close();
  }
}

function findings({ stdout }: CommandResult): Map<string, Record<string, unknown>[]> {
  return Map.groupBy(
    jsonLines(stdout).filter(({ event }) => event === 'finding'),
    ({ kind }) => String(kind),
  );
}

async function upload(name: string, parts = splitIntoParts(seededBytes(SIZE, name), PART)) {
  const api = new Api(server);
  const session = await api.createSession(name, SIZE);
  for (const { offset, bytes } of parts) await api.putPart(session.id, { offset, bytes, total: SIZE });
  return { api, session };
}

async function uploadFile(name: string): Promise<string> {
  const { api, session } = await upload(name);
  const { entries } = (await api.get(`/files/upload_sessions/${session.id}/parts`)).json;
  const answer = await api.commit(session.id, entries, seededBytes(SIZE, name));
  assert.equal(answer.status, 201, answer.text);
  return answer.json.entries[0].id;
}

async function overwrite(path: string, offset: number, text: string): Promise<void> {
  const { mode } = await stat(path);
  await chmod(path, 0o600);
  const file = await open(path, 'r+');
  await file.write(text, offset);
  await file.close();
  await chmod(path, mode);
}

describe('partway fsck', () => {
  test('reports no problems in an intact data folder while its server runs', async () => {
    await uploadFile('whole.bin');
    const ended = await fsck();
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    assert.match(ended.stdout, /Verified 1 blobs and 0 parts/);
    assert.match(ended.stdout, /No problems found/);
  });

  test('rejects a repair while the server runs and says what to do', async () => {
    const ended = await fsck('--repair');
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /in use by process \d+.*Stop the server before you repair/);
  });

  test('fails if there has never been a server in the folder', async () => {
    const ended = await run(['fsck', '--data', at('nowhere')]);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /There is no Partway data/);
  });

  test('finds and names every kind of damage and repairs what can be repaired', async () => {
    const names = ['damaged.bin', 'short.bin', 'gone.bin'];
    const ids = new Map<string, string>();
    for (const name of names) ids.set(name, await uploadFile(name));
    await new Api(server).post(`/files/${ids.get('damaged.bin')}/copy`, { parent: { id: '0' }, name: 'copy.bin' });
    const damagedSession = await upload('torn.bin', splitIntoParts(seededBytes(SIZE, 'torn.bin'), PART).slice(0, 3));
    const missingSession = await upload('lost.bin', splitIntoParts(seededBytes(SIZE, 'lost.bin'), PART).slice(0, 1));
    await server.stop();

    const content = new Map(
      selectRows<{ name: string; blob_id: string }>('select name, blob_id from versions').map((row) => [
        row.name,
        row.blob_id,
      ]),
    );
    const staging = (id: string) =>
      at(
        'staging',
        selectRows<{ blob_id: string }>(`select blob_id from upload_sessions where id = '${id}'`)[0]?.blob_id ?? '',
      );
    await overwrite(blobPath(content.get('damaged.bin') ?? ''), 1000, 'other bytes');
    await rm(blobPath(content.get('gone.bin') ?? ''));
    await chmod(blobPath(content.get('short.bin') ?? ''), 0o600);
    const short = await open(blobPath(content.get('short.bin') ?? ''), 'r+');
    await short.truncate(SIZE - 1);
    await short.close();
    await overwrite(staging(damagedSession.session.id), PART + 10, 'other bytes');
    await rm(staging(missingSession.session.id));
    await writeFile(at('staging', ORPHAN), 'nobody’s');
    await utimes(at('staging', ORPHAN), 1_000_000, 1_000_000);
    await writeFile(at('staging', RECENT), 'somebody’s soon');
    const db = new DatabaseSync(at('partway.sqlite'));
    db.exec('update users set space_used = space_used + 5, space_reserved = space_reserved - 7');
    db.exec("update items set size = size + 1 where name = 'whole.bin'");
    db.exec('update items set child_count = child_count + 1, size = size - 3 where parent_id is null');
    db.close();

    const checked = await fsck('--json');
    assert.equal(checked.code, 3, checked.stderr);
    const found = findings(checked);
    // The developer is the only user of this server.
    const expected = {
      child_count_off: 1,
      blob_damaged: 2,
      blob_missing: 1,
      blob_orphaned: 1,
      item_size_off: 2,
      part_damaged: 1,
      session_without_bytes: 1,
      space_reserved_off: 1,
      space_used_off: 1,
    };
    assert.deepEqual(
      Object.fromEntries([...found].map(([kind, all]) => [kind, all.length]).toSorted()),
      expected,
      checked.stdout,
    );
    const damaged = found.get('blob_damaged')?.find(({ message }) => String(message).includes('copy.bin'));
    assert.match(String(damaged?.message), /damaged\.bin \(file \d+, version 1\), copy\.bin|copy\.bin .*damaged\.bin/);
    assert.deepEqual(found.get('part_damaged')?.[0]?.about, {
      session_id: damagedSession.session.id,
      part_index: 1,
      sha1: sha1Hex(seededBytes(SIZE, 'torn.bin').subarray(PART, 2 * PART)),
    });
    assert.ok([...found.values()].flat().every(({ repaired }) => repaired === undefined));

    const repaired = await fsck('--repair', '--json');
    assert.equal(repaired.code, 3, repaired.stderr);
    for (const [kind, all] of findings(repaired)) {
      const isPermanent = kind.startsWith('blob_') && kind !== 'blob_orphaned';
      assert.ok(
        all.every(
          ({ repairable, repaired }) => repairable === !isPermanent && repaired === (isPermanent ? undefined : true),
        ),
        `${kind}: ${JSON.stringify(all)}`,
      );
    }
    assert.equal(jsonLines(repaired.stdout).at(-1)?.skipped_blobs, 1);
    await assert.rejects(stat(at('staging', ORPHAN)), { code: 'ENOENT' });
    await stat(at('staging', RECENT));

    const again = findings(await fsck('--json'));
    assert.deepEqual([...again.keys()].toSorted(), ['blob_damaged', 'blob_missing']);
    const plain = await fsck();
    assert.match(plain.stdout, /gone\.bin .*the blob is missing\. Restore blob [0-9a-f]{32} from a backup/);
  });

  test('an upload resumes after a repair: the client sends the damaged part again', async () => {
    await server.restart();
    const api = new Api(server);
    const [session] = selectRows<{ id: string }>("select id from upload_sessions where state = 'open'");
    const parts = splitIntoParts(seededBytes(SIZE, 'torn.bin'), PART);
    const id = session?.id ?? '';
    const stored = (await api.get(`/files/upload_sessions/${id}/parts`)).json.entries;
    assert.deepEqual(
      stored.map(({ offset }: { offset: number }) => offset / PART),
      [0, 2],
    );
    for (const { offset, bytes } of [1, 3, 4].map((slot) => parts[slot] ?? assert.fail())) {
      assert.equal((await api.putPart(id, { offset, bytes, total: SIZE })).status, 200);
    }
    const { entries } = (await api.get(`/files/upload_sessions/${id}/parts`)).json;
    assert.equal((await api.commit(id, entries, seededBytes(SIZE, 'torn.bin'))).status, 201);
  });

  test('does not check bytes of another database, which would all look like orphans', async () => {
    const marker = at('database-id');
    const own = await readFile(marker, 'utf8');
    await writeFile(marker, 'another');
    try {
      for (const args of [[], ['--repair']]) {
        const ended = await fsck(...args);
        assert.equal(ended.code, 1);
        assert.match(ended.stderr, /not known to belong to this database/);
      }
    } finally {
      await writeFile(marker, own);
    }
    await stat(at('staging', RECENT));
  });

  test('a repair with a remote database requires confirmation that all nodes are stopped', async () => {
    const env = { PARTWAY_DATABASE: 'postgres://nobody@127.0.0.1:1/nothing' };
    const ended = await run(['fsck', '--data', server.dataFolder, '--repair'], { env });
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /Stop all nodes, then add --all-stopped/);
  });
});
