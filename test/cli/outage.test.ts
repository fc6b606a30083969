import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { type Fault, type SeenRequest, startFaultProxy } from '../client/fault-proxy.ts';
import { addApp } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { until } from '../support/until.ts';
import { openPlace, type Place } from './place.ts';
import { jsonLines } from './run.ts';

let place: Place;
before(async () => {
  place = await openPlace({ env: { PARTWAY_PART_SIZE: '4MiB', PARTWAY_MIN_SESSION_SIZE: '20MB' } });
});
after(() => place[Symbol.asyncDispose]());

/** A folder with files of all kinds: empty folders, small files, one that goes up in parts. */
async function makeTree(name: string): Promise<Map<string, string>> {
  const sha1s = new Map<string, string>();
  await mkdir(place.at(name, 'empty'), { recursive: true });
  for (const folder of ['a', 'b', 'c']) {
    await mkdir(place.at(name, folder, 'inner'), { recursive: true });
    for (const file of ['1.bin', 'inner/2.bin']) {
      const bytes = seededBytes(20_000, `${name} ${folder} ${file}`);
      await writeFile(place.at(name, folder, file), bytes);
      sha1s.set(`${folder}/${file}`, sha1Hex(bytes));
    }
  }
  const large = seededBytes(21_000_000, name);
  await writeFile(place.at(name, 'large.bin'), large);
  sha1s.set('large.bin', sha1Hex(large));
  return sha1s;
}

/** Each file of the tree is there once, with its bytes, and each folder once. */
async function assertThere(name: string, sha1s: ReadonlyMap<string, string>): Promise<void> {
  const api = new Api(place.server);
  const files: [path: string, sha1: string][] = [];
  const folders: string[] = [];
  const visit = async (id: string, path: string) => {
    const { entries } = (await api.get(`/folders/${id}/items?fields=name,sha1&limit=1000`)).json;
    for (const item of entries) {
      if (path === '' && item.name !== name) continue;
      const below = `${path}/${item.name}`;
      if (item.type === 'file') files.push([below, item.sha1]);
      else {
        folders.push(below);
        await visit(item.id, below);
      }
    }
  };
  await visit('0', '');
  assert.deepEqual(files.toSorted(), [...sha1s].map(([path, sha1]) => [`/${name}/${path}`, sha1]).toSorted());
  const expected = ['', '/a', '/a/inner', '/b', '/b/inner', '/c', '/c/inner', '/empty'].map(
    (path) => `/${name}${path}`,
  );
  assert.deepEqual(folders.toSorted(), expected);
}

const KINDS: Record<string, (seen: SeenRequest) => boolean> = {
  'a list of a folder': ({ path }) => path.endsWith('/items'),
  'the creation of a folder': ({ method, path }) => method === 'POST' && path === '/folders',
  'a question for a name': ({ method }) => method === 'OPTIONS',
  'a file in one piece': ({ method, path }) => method === 'POST' && path === '/files/content',
  'the creation of a session': ({ path }) => path.endsWith('/upload_sessions'),
  'a part': ({ method }) => method === 'PUT',
  'a commit': ({ path }) => path.endsWith('/commit'),
  'the question who it is': ({ path }) => path === '/users/me',
};

const OUTAGES: Record<string, Fault> = {
  'a reset': { reset: true },
  'a lost answer': { loseAnswer: true },
  'a 502': { answer: { status: 502, headers: { 'content-type': 'text/html' }, text: '<html>' } },
  'a 502 of something that was done': { answerAfter: { status: 502 } },
  'a 503 with Retry-After': { answer: { status: 503, headers: { 'retry-after': '1' } } },
  'a 504 of something that was done': { answerAfter: { status: 504 } },
  'a long row of 503s': { answer: { status: 503, headers: { 'retry-after': '0' } } },
};
/** How many requests of each kind fail; more than the tries of a client without patience, however many come at a time. */
const failing = (outage: string) => (outage === 'a long row of 503s' ? 24 : 2);

describe('an outage in the middle of a recursive upload', { concurrency: 3 }, () => {
  for (const [outage, fault] of Object.entries(OUTAGES)) {
    test(`${outage} of every kind of request: all comes to each folder and file once`, async () => {
      const name = `up ${outage}`;
      const sha1s = await makeTree(name);
      const hit = new Set<string>();
      // Each kind's first requests fail.
      const seenOf = new Map<string, number>();
      await using proxy = await startFaultProxy(place.server, (seen) => {
        const kind = Object.keys(KINDS).find((key) => KINDS[key]?.(seen));
        if (kind === undefined) return undefined;
        const before = seenOf.get(kind) ?? 0;
        seenOf.set(kind, before + 1);
        if (before >= failing(outage)) return undefined;
        hit.add(kind);
        return fault;
      });
      const env = { PARTWAY_SERVER: proxy.url };
      const first = await place.run(['upload', '-r', name, '--json'], { env });
      assert.equal(first.code, 0, first.stderr + first.stdout);
      await assertThere(name, sha1s);
      seenOf.clear();
      const again = await place.run(['upload', '-r', name, '--json'], { env });
      assert.equal(again.code, 0, again.stderr);
      const summary = jsonLines(again.stdout).at(-1);
      assert.deepEqual([summary?.files, summary?.present, summary?.failed], [0, sha1s.size, 0]);
      assert.equal(
        hit.size,
        Object.keys(KINDS).length,
        `not met: ${Object.keys(KINDS).filter((kind) => !hit.has(kind))}`,
      );
    });
  }
});

// After all of them: they run at the same time, and each sees the sessions of the others.
test('no outage leaves a session behind', async () => {
  assert.deepEqual(await place.json('sessions', 'list'), []);
});

test('a server that is killed in the middle of an upload, and comes back later, gets all of it', async () => {
  const sha1s = await makeTree('killed');
  let seen = 0;
  let refused = 0;
  await using proxy = await startFaultProxy(place.server, ({ path }) => {
    seen += 1;
    if (path.endsWith('/commit')) refused += 1;
    return undefined;
  });
  const running = place.start(['upload', '-r', 'killed', '--json'], { env: { PARTWAY_SERVER: proxy.url } });
  await until(() => seen > 6);
  await place.server.kill();
  const before = seen;
  // Whatever was under way has broken off by then, and several tries after it too.
  await until(() => seen > before + 6);
  await place.server.restart();
  const ended = await running.ended;
  assert.equal(ended.code, 0, ended.stderr + ended.stdout);
  await assertThere('killed', sha1s);
  assert.equal(refused, 1);

  // The same without a proxy: connections are refused until it is back.
  const again = await makeTree('refused');
  const direct = place.start(['upload', '-r', 'refused', '--json']);
  const api = new Api(place.server);
  await until(async () => (await api.get('/folders/0/items')).text.includes('"refused"'));
  await place.server.restart();
  assert.equal((await direct.ended).code, 0);
  await assertThere('refused', again);
});

test('a download goes on after resets, 5xx and answers that break off, whatever request they meet', async () => {
  const sha1s = await makeTree('down');
  await place.json('upload', '-r', 'down');
  await Promise.all(
    Object.entries(OUTAGES).map(async ([outage, fault]) => {
      const counts = new Map<string, number>();
      await using proxy = await startFaultProxy(place.server, ({ method, path }) => {
        const kind = `${method} ${path.replace(/\d+/, ':id')}`;
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
        return (counts.get(kind) ?? 0) <= 2 ? fault : undefined;
      });
      const to = `here ${outage}`;
      const ended = await place.run(['download', '-r', '/down', '--to', to], { env: { PARTWAY_SERVER: proxy.url } });
      assert.equal(ended.code, 0, `${outage}: ${ended.stderr}`);
      for (const [path, sha1] of sha1s) assert.equal(sha1Hex(await readFile(place.at(to, 'down', path))), sha1);
    }),
  );
});

test('mkdir, ls and rm are done once after lost answers, and say so as if nothing had been', async () => {
  await Promise.all(
    Object.entries(OUTAGES).map(async ([outage, fault]) => {
      await using proxy = await startFaultProxy(place.server, ({ before }) => (before === 0 ? fault : undefined));
      const env = { PARTWAY_SERVER: proxy.url };
      const folder = `/once ${outage}`;
      const file = `one ${outage}.txt`;
      await writeFile(place.at(file), 'one');
      for (const [args, code] of [
        [['mkdir', folder], 0],
        [['ls', folder], 0],
        [['upload', file, '--to', folder], 0],
        [['rm', `${folder}/${file}`], 0],
        [['rm', folder], 0],
        [['ls', folder], 5],
      ] as const) {
        const ended = await place.run(args, { env });
        assert.equal(ended.code, code, `${outage}: ${args.join(' ')}: ${ended.stderr}`);
      }
    }),
  );
});

test('a folder that somebody made before is not taken for one’s own after a lost answer', async () => {
  await place.json('mkdir', '/theirs');
  const madeAt = Date.now();
  await until(() => Date.now() > madeAt + 5_000);
  await using proxy = await startFaultProxy(place.server, ({ method, path, before }) =>
    method === 'POST' && path === '/folders' && before === 0 ? { loseAnswer: true } : undefined,
  );
  const second = await place.run(['mkdir', '/theirs'], { env: { PARTWAY_SERVER: proxy.url } });
  assert.equal(second.code, 6, second.stdout);
  assert.match(second.stderr, /\/theirs already exists/);
});

test('an app’s token that cannot be had for a while is asked for again', async () => {
  const app = await addApp(place.server);
  let asked = 0;
  await using proxy = await startFaultProxy(place.server, ({ path }) => {
    if (!path.endsWith('/oauth2/token')) return undefined;
    asked += 1;
    return asked <= 7 ? { answer: { status: 503 } } : undefined;
  });
  const login = [
    'login',
    '--server',
    proxy.url,
    '--client-id',
    app.clientId,
    '--client-secret-stdin',
    '--enterprise',
    '1',
    '--name',
    'app',
  ];
  assert.equal((await place.run(login, { input: app.clientSecret })).code, 0);
  asked = 0;
  const ended = await place.run(['ls', '/', '--profile', 'app'], { env: { PARTWAY_SERVER: '', PARTWAY_TOKEN: '' } });
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /Retrying in/);
  assert.equal(asked, 8);
});

test('a wait that the server asks for is kept, and one that is longer than the patience ends the command at once', async () => {
  for (const [retryAfter, code] of [
    ['1', 0],
    ['86400', 1],
    ['9'.repeat(400), 1],
  ] as const) {
    let refused = 0;
    await using proxy = await startFaultProxy(place.server, ({ path }) => {
      if (!path.endsWith('/items') || refused > 0) return undefined;
      refused += 1;
      return { answer: { status: 503, headers: { 'retry-after': retryAfter } } };
    });
    const ended = await place.run(['ls'], { env: { PARTWAY_SERVER: proxy.url } });
    assert.equal(ended.code, code, ended.stderr);
    const requests = proxy.seen.filter(({ path }) => path.endsWith('/items'));
    assert.equal(requests.length, code === 0 ? 2 : 1);
  }
});
