import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { addApp, addUser, getUserToken, requestToken } from '../support/accounts.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { seededBytes, splitIntoParts } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import { upload } from './forms.ts';

const RATE = 5;
const ENV = { PARTWAY_RATE_LIMIT: String(RATE), PARTWAY_MIN_SESSION_SIZE: '1000', PARTWAY_PART_SIZE: '65536' };
const bytes = seededBytes(20 * 65_536, 'rates');
const EXCHANGE = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  scope: 'base_upload',
};

/** How many of the responses are not 429. Asserts that these come first. */
function countAllowed(answers: readonly { status: number }[]): number {
  const statuses = answers.map(({ status }) => status);
  const first = statuses.indexOf(429);
  const allowed = first === -1 ? statuses.length : first;
  assert.ok(
    statuses.slice(allowed).every((status) => status === 429),
    statuses.join(' '),
  );
  return allowed;
}

async function repeat<T>(count: number, act: (n: number) => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let n = 0; n < count; n++) all.push(await act(n));
  return all;
}

function assertLimited(answer: ApiResponse | undefined): void {
  assert.deepEqual([answer?.status, answer?.json?.code], [429, 'rate_limit_exceeded']);
  assert.ok(Number(answer?.headers['retry-after']) >= 1);
}

test('stored parts never count toward the rate, and each re-sent or rejected part counts as a call', async () => {
  await using server = await startServer({ env: ENV });
  const api = new Api(server);
  const session = await api.createSession('parts.bin', bytes.length);
  const parts = splitIntoParts(bytes, session.part_size);
  const put = (index: number) => api.putPart(session.id, { ...(parts[index] ?? assert.fail()), total: bytes.length });
  for (const answer of await repeat(parts.length - 1, put)) assert.equal(answer.status, 200);

  const again = await repeat(RATE + 3, () => put(0));
  assert.equal(countAllowed(again), RATE);
  assertLimited(again.at(-1));
  // They counted as calls.
  assertLimited(await api.get('/users/me'));
});

test('parts that are rejected for their digest, range or session count as calls', async () => {
  await using server = await startServer({ env: { ...ENV, PARTWAY_RATE_LIMIT: '9' } });
  const api = new Api(server);
  const session = await api.createSession('refused.bin', bytes.length);
  const [part] = splitIntoParts(bytes, session.part_size);
  assert.ok(part);
  const wrong = { digest: 'sha=2jmj7l5rSw0yVb/vlWAYkK/YBwk=' };
  const bad = [
    () => api.putPart(session.id, { ...part, total: bytes.length }, wrong),
    () => api.putPart(session.id, { ...part, offset: 1, total: bytes.length }),
    () => api.putPart('0'.repeat(32), { ...part, total: bytes.length }),
  ];
  const answers = await repeat(12, (n) => (bad[n % 3] ?? assert.fail())());
  assert.equal(countAllowed(answers), 9);
});

test('a part whose client disconnects in the middle counts as a call', async () => {
  await using server = await startServer({ env: ENV });
  const api = new Api(server);
  const session = await api.createSession('left.bin', bytes.length);
  const [part] = splitIntoParts(bytes, session.part_size);
  assert.ok(part);
  let statuses = 0;
  for (let n = 0; n < RATE; n++) {
    const headers = {
      authorization: `Bearer ${server.token}`,
      digest: 'sha=2jmj7l5rSw0yVb/vlWAYkK/YBwk=',
      'content-range': `bytes 0-65535/${bytes.length}`,
      'content-length': 65_536,
    };
    const sent = request(`${server.url}/2.0/files/upload_sessions/${session.id}`, { method: 'PUT', headers });
    sent.on('response', () => statuses++);
    sent.on('error', () => {});
    await new Promise((resolve) => sent.write(part.bytes.subarray(0, 1000), resolve));
    sent.destroy();
  }
  await until(async () => {
    const answer = await api.putPart(session.id, { ...part, total: bytes.length });
    return answer.status === 429;
  });
  assert.equal(statuses, 0);
});

test("token exchanges count as calls of the token's user", async () => {
  await using server = await startServer({ env: { ...ENV, PARTWAY_RATE_LIMIT: '8' } });
  const app = await addApp(server);
  const user = await getUserToken(server, app, await addUser(server, 'exchanges@partway.test'));
  const api = new Api({ url: server.url, token: user });
  assert.equal(countAllowed(await repeat(3, () => api.get('/users/me'))), 3);
  let subject = user;
  const answers = await repeat(8, async () => {
    const answer = await requestToken(server, { ...EXCHANGE, subject_token: subject });
    // The new token belongs to the same user.
    if (answer.status === 200) subject = ((await answer.json()) as { access_token: string }).access_token;
    return answer;
  });
  assert.equal(countAllowed(answers), 5);
  const rejected = answers.at(-1) ?? assert.fail();
  assert.ok(Number(rejected.headers.get('retry-after')) >= 1);
  assert.ok(((await rejected.json()) as { error: string }).error.length > 0);
});

test('other grants, wrong secrets and revocations count by address', async () => {
  await using server = await startServer({ env: ENV });
  const wrong = { client_id: 'nobody', client_secret: 'wrong', token: 'x', grant_type: 'client_credentials' };
  const ask = (path: string) => fetch(`${server.url}${path}`, { method: 'POST', body: new URLSearchParams(wrong) });
  const paths = ['/oauth2/token', '/oauth2/revoke', '/api/oauth2/token'];
  assert.equal(countAllowed(await repeat(RATE + 3, (n) => ask(paths[n % 3] ?? ''))), RATE);
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
  assert.equal((await new Api(server).get('/users/me')).status, 200);
});

test('signed downloads count by address', async () => {
  await using server = await startServer({ env: ENV });
  const api = new Api(server);
  const { id } = await upload(api, 'file', 'text');
  const { location = '' } = (await api.get(`/files/${id}/content`)).headers;
  assert.equal(countAllowed(await repeat(RATE + 2, () => fetch(location))), RATE);
});

test('each report of a client is logged with a few hundred printable characters, and only 60 of them a minute', async () => {
  await using server = await startServer({ env: { PARTWAY_MIN_SESSION_SIZE: '1000' } });
  const api = new Api(server);
  const { id } = await api.createSession('reports.bin', 2000);
  const report = (info: unknown) =>
    api.post(`/files/upload_sessions/${id}/log`, { event_type: '\u001b[2J\u202eevent', event_info: info });
  assert.equal((await report('\u009b31mred\n'.repeat(6_000))).status, 204);
  await server.waitForLog(/a client reports an upload event/);
  const lines = listReports(server);
  assert.equal(lines.length, 1);
  assert.ok((lines[0]?.length ?? 0) < 1_000, `${lines[0]?.length} characters`);
  assert.match(lines[0] ?? '', /^[ -~]+$/);
  assert.match(lines[0] ?? '', /\\\\u001b\[2J\\\\u202eevent/);

  const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => report({ n, deep: ['x'.repeat(1_000)] })));
  const accepted = answers.filter(({ status }) => status === 204).length;
  assert.equal(answers.filter(({ status }) => status === 429).length, 200 - accepted);
  // One more is allowed each second.
  assert.ok(accepted >= 59 && accepted < 200, `${accepted} reports`);
  await until(() => listReports(server).length === 1 + accepted);
});

function listReports(server: TestServer): string[] {
  return server
    .stderr()
    .split('\n')
    .filter((line) => line.includes('a client reports an upload event'));
}
