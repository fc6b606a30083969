import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { readListing } from '../../packages/cli/src/transfer/upload/remote-listing.ts';
import { createClient } from '../../packages/client/src/node/index.ts';
import { type FaultProxy, type SeenRequest, startFaultProxy } from '../client/fault-proxy.ts';
import { seededBytes } from '../support/bytes.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { jsonLines } from './run.ts';

let place: CliFixture;
let proxy: FaultProxy;
before(async () => {
  place = await openCliFixture({ env: { PARTWAY_MIN_SESSION_SIZE: '20MB', PARTWAY_PART_SIZE: '4MiB' } });
  proxy = await startFaultProxy(place.server);
});
after(async () => {
  await proxy[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

/** Runs a command and counts its requests to the server by kind, and the file uploads among them. */
async function countRequests(args: readonly string[]) {
  proxy.seen.length = 0;
  const ended = await place.run(args, { env: { PARTWAY_SERVER: proxy.url } });
  const count = (is: (seen: SeenRequest) => boolean) => proxy.seen.filter(is).length;
  const sent = proxy.seen.filter(
    ({ method, path }) => method === 'PUT' || (method === 'POST' && /\/content$/.test(path)),
  );
  return {
    ended,
    lists: proxy.seen.filter(({ path }) => path.endsWith('/items')).map(({ path }) => path),
    folders: count(({ method, path }) => method === 'POST' && path === '/folders'),
    sessions: count(({ path }) => path.endsWith('/upload_sessions')),
    sent: sent.length,
    all: proxy.seen.length,
  };
}

test('uploading an existing folder again lists each folder once and neither sends nor looks up any file', async () => {
  for (const folder of ['', 'a', 'b', 'b/c']) {
    await mkdir(place.at('same', folder), { recursive: true });
    for (let n = 0; n < 30; n += 1)
      await writeFile(place.at('same', folder, `${n}.bin`), seededBytes(1000, `${folder} ${n}`));
  }
  await writeFile(place.at('same', 'large.bin'), seededBytes(21_000_000, 'large'));
  const first = await countRequests(['upload', '-r', 'same', '--json']);
  assert.equal(first.ended.code, 0, first.ended.stderr);
  // New folders are not listed, and new files are not looked up.
  assert.deepEqual(first.lists, []);
  assert.equal(first.folders, 4);
  assert.equal(first.sent, 4 * 30 + 6);

  for (const conflict of ['fail', 'version', 'rename']) {
    const again = await countRequests(['upload', '-r', 'same', '--json', '--conflict', conflict]);
    assert.equal(again.ended.code, 0, again.ended.stderr);
    const summary = jsonLines(again.ended.stdout).at(-1);
    assert.deepEqual([summary?.files, summary?.present, summary?.failed], [0, 121, 0]);
    assert.equal(again.lists.length, 4, again.lists.join());
    assert.equal(new Set(again.lists).size, 4);
    assert.deepEqual([again.sent, again.sessions], [0, 0]);
    // Besides the lists: the token's user, and the folder that was named.
    assert.ok(again.all <= 4 + 3, `${again.all} requests`);
  }
});

test('a file that differs from the existing one is rejected before it is sent, unless a conflict policy allows it', async () => {
  await mkdir(place.at('other'));
  for (const name of ['same.bin', 'size.bin', 'bytes.bin'])
    await writeFile(place.at('other', name), seededBytes(500, name));
  await place.json('upload', '-r', 'other');
  await writeFile(place.at('other', 'size.bin'), seededBytes(501, 'other size'));
  await writeFile(place.at('other', 'bytes.bin'), seededBytes(500, 'other bytes'));

  const refused = await countRequests(['upload', '-r', 'other']);
  assert.equal(refused.ended.code, 6);
  assert.equal(refused.sent, 0);
  assert.match(refused.ended.stderr, /bytes\.bin: .*\(409 item_name_in_use\) Use --conflict version/);
  const single = await countRequests(['upload', 'other/size.bin', '--name', 'same.bin', '--to', '/other']);
  assert.deepEqual([single.ended.code, single.sent], [6, 0]);

  const versions = await countRequests(['upload', '-r', 'other', '--conflict', 'version']);
  assert.equal(versions.ended.code, 0, versions.ended.stderr);
  // Once each: not first as a new file, which would fail.
  assert.equal(versions.sent, 2);
  assert.ok(proxy.seen.some(({ path }) => /^\/files\/\d+\/content$/.test(path)));

  await writeFile(place.at('other', 'size.bin'), 'a third');
  const renamed = await countRequests(['upload', '-r', 'other', '--conflict', 'rename']);
  assert.equal(renamed.sent, 1);
  const names = (await place.json('ls', '/other')).map(({ name }) => name);
  assert.deepEqual(names, ['bytes.bin', 'same.bin', 'size (1).bin', 'size.bin']);
});

test('looks up a few names one by one, and many names in a list of the folder', async () => {
  for (let n = 0; n < 12; n += 1) await writeFile(place.at(`few-${n}.txt`), `few ${n}`);
  const files = Array.from({ length: 12 }, (_, n) => `few-${n}.txt`);
  await place.json('upload', ...files);
  const few = await countRequests(['upload', ...files.slice(0, 2)]);
  assert.deepEqual([few.ended.code, few.lists, few.sent], [0, [], 0]);
  const many = await countRequests(['upload', ...files]);
  assert.deepEqual([many.ended.code, many.lists, many.sent], [0, ['/folders/0/items'], 0]);
});

test('compares a folder of any size page by page and keeps only matching entries', async () => {
  // An endless folder: every page is full, and there is always another one.
  let pages = 0;
  const endless = await startFaultProxy(place.server, ({ method, path }) => {
    if (!path.endsWith('/items')) {
      return method === 'OPTIONS'
        ? { answer: { status: 200, json: { upload_url: 'http://x', upload_token: null } } }
        : undefined;
    }
    pages += 1;
    const entries = Array.from({ length: 1000 }, (_, n) => ({
      type: 'file',
      id: `${pages}${n}`,
      name: `${pages}-${n}`,
      size: 1,
      sha1: '',
    }));
    return { answer: { status: 200, json: { entries, limit: 1000, next_marker: `m${pages}` } } };
  });
  await using _ = endless;
  const client = createClient({ server: endless.url, token: place.server.token, store: false });
  const target = { client, folderId: '0', signal: new AbortController().signal };
  const names = Array.from({ length: 100 }, (_, n) => `mine ${n}`);
  const listing = await readListing(target, [...names, '3-7'], { renames: false });
  assert.equal(pages, 23);
  assert.equal((await listing.find('3-7'))?.id, '37');
  assert.equal(endless.seen.filter(({ method }) => method === 'OPTIONS').length, 0);
  assert.equal(await listing.find('mine 1'), undefined);
  assert.equal(endless.seen.filter(({ method }) => method === 'OPTIONS').length, 1);
  client.close();
});
