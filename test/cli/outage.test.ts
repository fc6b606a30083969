import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { type Fault, type SeenRequest, startFaultProxy } from '../client/fault-proxy.ts';
import { addApp } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { until } from '../support/until.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { jsonLines } from './run.ts';

let place: CliFixture;
before(async () => {
  place = await openCliFixture({ env: { PARTWAY_PART_SIZE: '4MiB', PARTWAY_MIN_SESSION_SIZE: '20MB' } });
});
after(() => place[Symbol.asyncDispose]());

/** Creates a folder with files of all kinds: empty folders, small files, and one that is uploaded in parts. */
async function createTree(name: string): Promise<Map<string, string>> {
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

/** Asserts that each file of the tree exists once, with its bytes, and each folder once. */
async function assertUploaded(name: string, sha1s: ReadonlyMap<string, string>): Promise<void> {
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
  'listing a folder': ({ path }) => path.endsWith('/items'),
  'creating a folder': ({ method, path }) => method === 'POST' && path === '/folders',
  'looking up a name': ({ method }) => method === 'OPTIONS',
  'uploading a file in one request': ({ method, path }) => method === 'POST' && path === '/files/content',
  'creating a session': ({ path }) => path.endsWith('/upload_sessions'),
  'uploading a part': ({ method }) => method === 'PUT',
  'committing an upload': ({ path }) => path.endsWith('/commit'),
  'getting the current user': ({ path }) => path === '/users/me',
};

const OUTAGES: Record<string, Fault> = {
  'a reset': { reset: true },
  'a lost response': { loseResponse: true },
  'a 502': { answer: { status: 502, headers: { 'content-type': 'text/html' }, text: '<html>' } },
  'a 502 after the request succeeded': { answerAfter: { status: 502 } },
  'a 503 with Retry-After': { answer: { status: 503, headers: { 'retry-after': '1' } } },
  'a 504 after the request succeeded': { answerAfter: { status: 504 } },
  'a long series of 503s': { answer: { status: 503, headers: { 'retry-after': '0' } } },
};
/**
 * How many requests of each kind fail. The series is longer than the retries of a client without a time limit for
 * them.
 */
const failing = (outage: string) => (outage === 'a long series of 503s' ? 24 : 2);

describe('an outage during a recursive upload', { concurrency: 3 }, () => {
  for (const [outage, fault] of Object.entries(OUTAGES)) {
    test(`after ${outage} for every kind of request, each folder and file exists once`, async () => {
      const name = `up ${outage}`;
      const sha1s = await createTree(name);
      const hit = new Set<string>();
      // The first requests of each kind fail.
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
      await assertUploaded(name, sha1s);
      seenOf.clear();
      const again = await place.run(['upload', '-r', name, '--json'], { env });
      assert.equal(again.code, 0, again.stderr);
      const summary = jsonLines(again.stdout).at(-1);
      assert.deepEqual([summary?.files, summary?.present, summary?.failed], [0, sha1s.size, 0]);
      assert.equal(
        hit.size,
        Object.keys(KINDS).length,
        `not hit: ${Object.keys(KINDS).filter((kind) => !hit.has(kind))}`,
      );
    });
  }
});

// After all of them: they run at the same time, and each sees the sessions of the others.
test('no outage leaves a session behind', async () => {
  assert.deepEqual(await place.json('sessions', 'list'), []);
});

test('an upload continues after its server was killed and restarted', async () => {
  const sha1s = await createTree('killed');
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
  // Requests in progress have failed by then, and several retries too.
  await until(() => seen > before + 6);
  await place.server.restart();
  const ended = await running.ended;
  assert.equal(ended.code, 0, ended.stderr + ended.stdout);
  await assertUploaded('killed', sha1s);
  assert.equal(refused, 1);

  // The same without a proxy: connections are refused until the server is back.
  const again = await createTree('refused');
  const direct = place.start(['upload', '-r', 'refused', '--json']);
  const api = new Api(place.server);
  await until(async () => (await api.get('/folders/0/items')).text.includes('"refused"'));
  await place.server.restart();
  assert.equal((await direct.ended).code, 0);
  await assertUploaded('refused', again);
});

test('a download continues after resets, 5xx responses and interrupted responses to any request', async () => {
  const sha1s = await createTree('down');
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

test('mkdir, ls and rm take effect once after lost responses and report success', async () => {
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

test('a folder that existed before is not reported as created after a lost response', async () => {
  await place.json('mkdir', '/theirs');
  const createdAt = Date.now();
  await until(() => Date.now() > createdAt + 5_000);
  await using proxy = await startFaultProxy(place.server, ({ method, path, before }) =>
    method === 'POST' && path === '/folders' && before === 0 ? { loseResponse: true } : undefined,
  );
  const second = await place.run(['mkdir', '/theirs'], { env: { PARTWAY_SERVER: proxy.url } });
  assert.equal(second.code, 6, second.stdout);
  assert.match(second.stderr, /\/theirs already exists/);
});

test('the client retries while the server cannot issue a token for an app', async () => {
  const app = await addApp(place.server);
  let tokenRequests = 0;
  await using proxy = await startFaultProxy(place.server, ({ path }) => {
    if (!path.endsWith('/oauth2/token')) return undefined;
    tokenRequests += 1;
    return tokenRequests <= 7 ? { answer: { status: 503 } } : undefined;
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
  tokenRequests = 0;
  const ended = await place.run(['ls', '/', '--profile', 'app'], { env: { PARTWAY_SERVER: '', PARTWAY_TOKEN: '' } });
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /Retrying in/);
  assert.equal(tokenRequests, 8);
});

test('the client waits as long as the server asks for, and gives up immediately if that exceeds its time limit', async () => {
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
