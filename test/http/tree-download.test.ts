import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { get } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { attributes, filePart, form, sendForm, upload } from './forms.ts';

const bytes = seededBytes(100_000, 'tree-download');
const tag = `"${sha1Hex(bytes)}"`;

let server: TestServer;
let api: Api;
let file: { id: string; file_version: { id: string } };
let address: string;

before(async () => {
  server = await startServer();
  api = new Api(server);
  file = await upload(api, 'Jahres"bericht ü.txt', bytes);
  address = await getAddress(`/files/${file.id}/content`);
});
after(() => server[Symbol.asyncDispose]());

async function getAddress(path: string): Promise<string> {
  const { status, headers } = await api.get(path);
  assert.equal(status, 302);
  return headers.location ?? '';
}

/** Fetches the address like a browser, without a token. */
async function fetchRange(headers: Record<string, string>, method = 'GET') {
  const answer = await fetch(address, { method, headers });
  return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
}

test('a download is a redirect to an absolute address that needs no token', async () => {
  assert.ok(address.startsWith(`${server.url}/`));
  const complete = await fetchRange({});

  assert.equal(complete.status, 200);
  assert.deepEqual(complete.bytes, bytes);
  assert.equal(complete.headers.get('content-length'), String(bytes.length));
  assert.equal(complete.headers.get('accept-ranges'), 'bytes');
  assert.equal(complete.headers.get('content-type'), 'text/plain');
  assert.equal(complete.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(complete.headers.get('etag'), tag);
  assert.equal(
    complete.headers.get('content-disposition'),
    `attachment; filename="Jahres\\"bericht ?.txt"; filename*=UTF-8''Jahres%22bericht%20%C3%BC.txt`,
  );
});

test('an altered or expired address is rejected', async () => {
  const changed = [
    address.replace(/signature=./, (match) => (match.endsWith('A') ? 'signature=B' : 'signature=A')),
    address.replace(/expires=\d/, 'expires=9'),
    address.replace(`/${file.id}/`, `/${file.id.slice(0, -1)}${(Number(file.id.at(-1)) + 1) % 10}/`),
    address.replace(/&signature=.*/, ''),
    address.replace(/\?.*/, ''),
    address.replace(/\?.*/, '?expires=1&signature='),
  ];
  for (const url of changed) {
    const answer = await api.get(url);
    assert.deepEqual([answer.status, answer.json.code], [403, 'forbidden'], url);
  }
  assert.equal((await api.get(`${server.url}/downloads/x/y`)).status, 404);
});

for (const [range, first, last] of [
  ['bytes=0-0', 0, 0],
  ['bytes=1000-1999', 1000, 1999],
  ['bytes=99999-', 99_999, 99_999],
  ['bytes=50000-200000', 50_000, 99_999],
  ['bytes=-10', 99_990, 99_999],
] as const) {
  test(`${range} gets only those bytes`, async () => {
    const part = await fetchRange({ range });

    assert.equal(part.status, 206);
    assert.equal(part.headers.get('content-range'), `bytes ${first}-${last}/100000`);
    assert.equal(part.headers.get('content-length'), String(last - first + 1));
    assert.deepEqual(part.bytes, bytes.subarray(first, last + 1));
  });
}

test("a range beyond the file is rejected with the file's size", async () => {
  for (const range of ['bytes=100000-', 'bytes=100000-100001', 'bytes=-0']) {
    const answer = await fetchRange({ range });

    assert.equal(answer.status, 416, range);
    assert.equal(answer.headers.get('content-range'), 'bytes */100000');
    assert.equal(JSON.parse(answer.bytes.toString()).type, 'error');
  }
});

test('several ranges, other units and invalid ranges get the whole file', async () => {
  for (const range of ['bytes=0-1,5-6', 'lines=1-2', 'bytes', 'bytes=a-b']) {
    const answer = await fetchRange({ range });
    assert.deepEqual([answer.status, answer.bytes.length], [200, bytes.length], range);
  }
});

test('If-Range gets the range if the file is unchanged, and otherwise the whole file', async () => {
  const modified = (await fetchRange({})).headers.get('last-modified') ?? '';
  for (const [ifRange, status] of [
    [tag, 206],
    [modified, 206],
    ['"0"', 200],
    [`W/${tag}`, 200],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 200],
  ] as const) {
    assert.equal((await fetchRange({ range: 'bytes=0-9', 'if-range': ifRange })).status, status, ifRange);
  }
  assert.equal((await fetchRange({ 'if-none-match': tag })).status, 304);
});

test('HEAD returns the size without a body', async () => {
  const complete = await fetchRange({}, 'HEAD');
  const part = await fetchRange({ range: 'bytes=0-9' }, 'HEAD');

  assert.deepEqual(
    [complete.status, complete.headers.get('content-length'), complete.bytes.length],
    [200, '100000', 0],
  );
  assert.deepEqual([part.status, part.headers.get('content-length')], [206, '10']);
  assert.equal((await api.call('HEAD', `/files/${file.id}/content`)).status, 302);
});

test('an empty file can be downloaded, and has no valid range', async () => {
  const empty = await upload(api, 'empty', '');
  const url = await getAddress(`/files/${empty.id}/content`);

  const complete = await fetch(url);
  assert.deepEqual([complete.status, await complete.text()], [200, '']);
  assert.equal((await fetch(url, { headers: { range: 'bytes=0-' } })).status, 416);
});

test('an earlier version can be downloaded by its ID, and an address stays with its version', async () => {
  const versioned = await upload(api, 'versioned', 'one');
  const first = await getAddress(`/files/${versioned.id}/content`);
  await sendForm(api, `/files/${versioned.id}/content`, form(attributes({}), filePart('two')));
  const byId = `/files/${versioned.id}/content?version=${versioned.file_version.id}`;

  const texts = [first, await getAddress(byId), await getAddress(`/files/${versioned.id}/content`)];

  const read = await Promise.all(texts.map(async (url) => (await fetch(url)).text()));
  assert.deepEqual(read, ['one', 'one', 'two']);
  for (const version of ['12345', 'x', file.file_version.id]) {
    const answer = await api.get(`/files/${versioned.id}/content?version=${version}`);
    assert.deepEqual([answer.status, answer.json.code], [404, 'not_found']);
  }
});

test('the address of a file stops working when the file is moved to the trash', async () => {
  const trashed = await upload(api, 'gone', 'a');
  const url = await getAddress(`/files/${trashed.id}/content`);
  await api.delete(`/files/${trashed.id}`);

  const answer = await api.get(url);

  assert.deepEqual([answer.status, answer.json.code], [404, 'trashed']);
});

test('a server with direct downloads sends the bytes without a redirect', async () => {
  await using direct = await startServer({ env: { PARTWAY_DOWNLOADS: 'direct' } });
  const client = new Api(direct);
  const { id } = await upload(client, 'direct.bin', bytes);

  const complete = await client.get(`/files/${id}/content`);
  const part = await client.get(`/files/${id}/content`, { headers: { range: 'bytes=5-9' } });

  assert.deepEqual([complete.status, complete.headers['content-length']], [200, '100000']);
  assert.deepEqual([part.status, part.headers['content-range']], [206, 'bytes 5-9/100000']);
  assert.equal((await fetch(`${direct.url}/2.0/files/${id}/content`)).status, 401);
});

test('clients that disconnect during a download leave no file open', {
  skip: bytesNotOnDisk ?? process.platform !== 'linux',
}, async () => {
  const large = await upload(api, 'large.bin', Buffer.alloc(32 * 1024 * 1024));
  const url = await getAddress(`/files/${large.id}/content`);
  const downloads = await Promise.all(
    Array.from({ length: 30 }, () => {
      const { promise, resolve, reject } = Promise.withResolvers<ReturnType<typeof get>>();
      const sent = get(url, { agent: false }, (answer) => {
        answer.on('error', () => {}).once('readable', () => resolve(sent));
      });
      sent.on('error', reject);
      return promise;
    }),
  );
  assert.equal(countOpenBlobs(), downloads.length);

  for (const sent of downloads) sent.on('error', () => {}).destroy();

  for (const end = Date.now() + 20_000; countOpenBlobs() > 0; await sleep(10)) {
    assert.ok(Date.now() < end, `${countOpenBlobs()} files stay open`);
  }
});

/** The number of blobs that the server has open. */
function countOpenBlobs(): number {
  const folder = `/proc/${server.pid}/fd`;
  return readdirSync(folder).filter((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`).includes('/blobs/');
    } catch {
      return false;
    }
  }).length;
}
