import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Base64 } from '../support/bytes.ts';
import { countOpenBlobs, listDescriptors } from '../support/descriptors.ts';
import { RawConnection, rawRequest } from '../support/raw-connection.ts';
import { readResponses } from '../support/responses.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { until } from '../support/until.ts';
import { attributes, FORM, filePart, form, upload } from './forms.ts';

const PART = 65_536;
/** Larger than the buffers of a connection. */
const LARGE = 24 * 1024 * 1024;
/** Why tests that count the open files of downloads are skipped; false if they are not. */
const noOpenFiles = bytesNotOnDisk ? `${bytesNotOnDisk}, and a download opens no file` : false;

let server: TestServer;
let api: Api;
let token: string;
let large: { id: string };

before(async () => {
  server = await startServer({
    env: {
      PARTWAY_PART_SIZE: String(PART),
      PARTWAY_MIN_SESSION_SIZE: '1000',
      PARTWAY_DOWNLOADS: 'direct',
      PARTWAY_RESPONSE_TIMEOUT: '1s',
      PARTWAY_MAX_PIPELINED: '100',
    },
  });
  api = new Api(server);
  token = `authorization: Bearer ${server.token}`;
  large = await upload(api, 'large.bin', seededBytes(LARGE, 'large'));
});
after(() => server[Symbol.asyncDispose]());

const me = () => rawRequest('GET /2.0/users/me', [token]);
const content = (id = large.id) => rawRequest(`GET /2.0/files/${id}/content`, [token]);

test('a client that half-closes the connection after its request gets the response, for every kind of request', async () => {
  const bytes = seededBytes(PART, 'half-closed');
  const session = await api.createSession('half-closed.bin', PART);
  const part = [`digest: sha=${sha1Base64(bytes)}`, `content-range: bytes 0-${PART - 1}/${PART}`];
  const body = form(attributes({ name: 'half-closed.txt', parent: { id: '0' } }), filePart('text'));
  const direct = [token, `content-type: ${FORM['content-type']}`, `content-length: ${body.length}`];
  for (const [what, request, statuses] of [
    ['a GET', [me()], [200]],
    ['three pipelined GETs', [me(), me(), me()], [200, 200, 200]],
    [
      'a part',
      [rawRequest(`PUT /2.0/files/upload_sessions/${session.id}`, [token, ...part, `content-length: ${PART}`]), bytes],
      [200],
    ],
    ['a direct upload', [rawRequest('POST /2.0/files/content', direct), body], [201]],
    [
      'a GET and a folder',
      [
        me(),
        rawRequest('POST /2.0/folders', [token, 'content-length: 35'], '{"name":"half","parent":{"id":"0"}} '.trim()),
      ],
      [200, 201],
    ],
  ] as const) {
    const connection = await RawConnection.open(server);
    for (const piece of request) await connection.send(piece);
    connection.finish();
    const answers = await connection.closed();
    assert.deepEqual(
      answers.map(({ status }) => status),
      statuses,
      what,
    );
  }
});

test('a client that half-closes the connection gets its responses over TLS, too', async () => {
  await using secure = await startServer({ tls: true });
  const { hostname, port } = new URL(secure.url);
  const ca = readFileSync(secure.certificates?.ca ?? '');
  const plain = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  const socket = connectTls({ socket: plain, servername: 'localhost', ca });
  await once(socket, 'secureConnect');
  const came: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => came.push(chunk));
  socket.end(rawRequest('GET /2.0/users/me', [`authorization: Bearer ${secure.token}`]).repeat(2));
  await once(socket, 'end');
  assert.deepEqual(
    readResponses(Buffer.concat(came), ['GET', 'GET']).map(({ status }) => status),
    [200, 200],
  );
});

test('pipelined requests are answered in order', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `ordered-${index}`);
  const created = await Promise.all(names.map((name) => api.post('/folders', { name, parent: { id: '0' } })));
  const connection = await RawConnection.open(server);
  await connection.send(created.map(({ json }) => rawRequest(`GET /2.0/folders/${json.id}`, [token])).join(''));
  const answers = await connection.responses(names.length);
  assert.deepEqual(
    answers.map(({ body }) => JSON.parse(body).name),
    names,
  );
  connection.socket.destroy();
});

test('a client that pipelines too many requests gets the first responses, then 503 and a closed connection', async () => {
  const connection = await RawConnection.open(server);
  await connection.send(me().repeat(150));
  const answers = await connection.closed();
  assert.deepEqual(
    answers.map(({ status }) => status),
    [...new Array(101).fill(200), 503],
  );
  assert.equal(JSON.parse(answers.at(-1)?.body ?? '').code, 'unavailable');
});

test('pipelined downloads start one at a time, and not for clients that have disconnected', {
  skip: noOpenFiles,
}, async () => {
  const before = listDescriptors(server.pid).length;
  const connections = [];
  for (let index = 0; index < 10; index++) {
    const connection = await RawConnection.open(server);
    connection.socket.pause();
    await connection.send(content().repeat(50));
    connections.push(connection);
  }
  await until(() => countOpenBlobs(server.pid) > 0);
  let most = 0;
  for (let look = 0; look < 20; look++) {
    assert.equal((await api.get('/users/me')).status, 200);
    most = Math.max(most, countOpenBlobs(server.pid));
  }
  assert.ok(most <= connections.length, `${most} files were open for ${connections.length} connections`);
  for (const { socket } of connections) socket.resetAndDestroy();
  await until(() => countOpenBlobs(server.pid) === 0 && listDescriptors(server.pid).length <= before + 1);
});

test('a client that disconnects after its first response leaves no file open', { skip: noOpenFiles }, async () => {
  for (let round = 0; round < 20; round++) {
    const connection = await RawConnection.open(server);
    await connection.send(me() + content() + content() + (round % 2 === 0 ? rawRequest('CONNECT a:1') : ''));
    await until(() => connection.bytes.length > 0);
    if (round % 3 === 0) connection.socket.destroy();
    else connection.socket.resetAndDestroy();
  }
  await until(() => countOpenBlobs(server.pid) === 0);
});

test('unread downloads are ended, and their descriptors are closed', { skip: noOpenFiles }, async () => {
  const before = listDescriptors(server.pid).length;
  const connections = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const connection = await RawConnection.open(server);
      connection.socket.pause();
      await connection.send(content());
      return connection;
    }),
  );
  await until(() => countOpenBlobs(server.pid) > 0);
  await until(() => countOpenBlobs(server.pid) === 0 && listDescriptors(server.pid).length <= before + 1);
  for (const { socket } of connections) socket.destroy();
});

test('a download that is read slowly but steadily completes, however long it takes', async () => {
  await using patient = await startServer({
    env: { PARTWAY_DOWNLOADS: 'direct', PARTWAY_RESPONSE_TIMEOUT: '2s', PARTWAY_TOKEN: server.token },
  });
  const { id } = await upload(new Api(patient), 'large.bin', seededBytes(LARGE, 'large'));
  const connection = await RawConnection.open(patient);
  const { socket } = connection;
  // The system's buffers take some MiB at once, and then nothing for longer than the timeout.
  let allowance = 0;
  socket.on('data', (chunk: Buffer) => {
    allowance -= chunk.length;
    if (allowance <= 0) socket.pause();
  });
  const timer = setInterval(() => {
    allowance = 256 * 1024;
    socket.resume();
  }, 500);
  await connection.send(content(id));
  await until(() => socket.bytesRead > 5 * 1024 * 1024 || socket.closed);
  clearInterval(timer);
  allowance = LARGE;
  socket.resume();
  await until(() => socket.bytesRead > LARGE || socket.closed);
  const [answer] = readResponses(connection.bytes, ['GET']);
  assert.equal(answer?.body.length, LARGE);
  socket.destroy();
});

const ADDRESSES: [string, string, string][] = [
  [
    'GET http://files.example.org/2.0/folders/0?fields=type HTTP/1.1\r\nhost: other.example',
    'the target',
    'http://files.example.org',
  ],
  [
    'GET HTTP://files.example.org:8080/2.0/x HTTP/1.1\r\nhost: other.example',
    'the target',
    'http://files.example.org:8080',
  ],
  ['GET /2.0/x HTTP/1.1\r\nhost: [2001:db8::1]:99', 'an IPv6 address', 'http://[2001:db8::1]:99'],
  ['GET /2.0/x HTTP/1.1\r\nhost: my_box', 'a host name', 'http://my_box'],
  ['GET /2.0/x HTTP/1.0\r\naccept: */*', 'the socket', 'own'],
  ['GET http://files.example.org/2.0/x HTTP/1.0\r\naccept: */*', 'the target', 'http://files.example.org'],
];
for (const [head, what, origin] of ADDRESSES) {
  test(`URLs in responses have the host of ${what}: ${head.split('\r\n')[1]}`, async () => {
    const { id } = await api.createSession(`address-${ADDRESSES.findIndex(([known]) => known === head)}.bin`, PART);
    const connection = await RawConnection.open(server);
    const addressed = head.replace(/\/2\.0\/\S*/, `/2.0/files/upload_sessions/${id}`);
    await connection.send(`${addressed}\r\n${token}\r\n\r\n`);
    connection.finish();
    const [answer] = await connection.closed();
    assert.equal(answer?.status, 200, answer?.body);
    const expected = origin === 'own' ? server.url : origin;
    assert.equal(
      JSON.parse(answer?.body ?? '').session_endpoints.commit,
      `${expected}/2.0/files/upload_sessions/${id}/commit`,
    );
  });
}

const BAD_HOSTS = [
  'host: a\r\nhost: a',
  'host: a\r\nHOST: b',
  'host:',
  'host: user@a',
  'host: a/b',
  'host: a b',
  'host: a, b',
  'host: a?b',
  'host: a#b',
  'host: a\\b',
  'host: a:99999',
  'host: a:0',
  'host: a:8o',
  'host: a:-1',
  'host: :80',
  'host: [::1',
  'host: [::g]',
  'host: [fe80::1%25eth0]',
  'host: 1.2.3.400',
  'host: "a"',
  'host: <script>',
  'host: %61',
  `host: ${'a'.repeat(300)}`,
];
for (const hosts of BAD_HOSTS) {
  test(`a request with ${JSON.stringify(hosts.slice(0, 40))} is rejected`, async () => {
    for (const target of ['/2.0/users/me', 'http://good.example/2.0/users/me']) {
      const connection = await RawConnection.open(server);
      await connection.send(`GET ${target} HTTP/1.1\r\n${hosts}\r\n${token}\r\n\r\n`);
      connection.finish();
      const [answer] = await connection.closed();
      assert.equal(answer?.status, 400, answer?.body);
      assert.equal(JSON.parse(answer?.body ?? '').code, 'bad_request');
    }
  });
}

test('headers named like properties of objects are ignored', async () => {
  const connection = await RawConnection.open(server);
  for (const [index, name] of ['__proto__', 'constructor', 'toString', 'hasOwnProperty'].entries()) {
    await connection.send(rawRequest('GET /2.0/users/me', [`${name}: x`, token]));
    const responses = await connection.responses(index + 1);
    assert.deepEqual([name, responses.at(-1)?.status], [name, 200]);
  }
  connection.finish();
});

test('a request line with an invalid host is rejected', async () => {
  for (const target of ['http:///2.0/users/me', 'http://a b/', 'http://u@a/', 'http://a:99999/', 'https://[::g]/']) {
    const connection = await RawConnection.open(server);
    await connection.send(`GET ${target} HTTP/1.1\r\nhost: good.example\r\n${token}\r\n\r\n`);
    connection.finish();
    const [answer] = await connection.closed();
    assert.equal(answer?.status, 400, `${target}: ${answer?.body}`);
  }
});

test('the host and scheme of a trusted proxy have to be valid, too, and those of other clients are ignored', async () => {
  await using behind = await startServer({
    env: { PARTWAY_TRUSTED_PROXIES: '127.0.0.1', PARTWAY_MIN_SESSION_SIZE: '1000' },
  });
  const { id } = await new Api(behind).createSession('proxied.bin', 1_000_000);
  const ask = async (at: TestServer, headers: Record<string, string>, path = `/files/upload_sessions/${id}`) =>
    new Api(at).call('GET', path, { headers });
  const good = await ask(behind, { 'x-forwarded-host': 'inner, files.example.org:444', 'x-forwarded-proto': 'https' });
  assert.equal(new URL(good.json.session_endpoints.commit).origin, 'https://files.example.org:444');
  for (const headers of [
    { 'x-forwarded-host': 'user@files.example.org' },
    { 'x-forwarded-host': 'files.example.org/x' },
    { 'x-forwarded-host': 'files.example.org:99999' },
    { 'x-forwarded-proto': 'javascript' },
  ]) {
    const rejected = await ask(behind, headers as Record<string, string>);
    assert.deepEqual([rejected.status, rejected.json.code], [400, 'bad_request'], JSON.stringify(headers));
    assert.equal((await ask(server, headers as Record<string, string>, '/users/me')).status, 200);
  }
});
