import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { addApp, addUser, askToken, tokenOf } from '../support/accounts.ts';
import { type Answer, Api } from '../support/api.ts';
import { partsOf, seededBytes } from '../support/bytes.ts';
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

/** How many of these answers are other than 429; and that all those come first. */
function letThrough(answers: readonly { status: number }[]): number {
  const statuses = answers.map(({ status }) => status);
  const first = statuses.indexOf(429);
  const passed = first === -1 ? statuses.length : first;
  assert.ok(
    statuses.slice(passed).every((status) => status === 429),
    statuses.join(' '),
  );
  return passed;
}

async function times<T>(count: number, act: (n: number) => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let n = 0; n < count; n++) all.push(await act(n));
  return all;
}

function assertLimited(answer: Answer | undefined): void {
  assert.deepEqual([answer?.status, answer?.json?.code], [429, 'rate_limit_exceeded']);
  assert.ok(Number(answer?.headers['retry-after']) >= 1);
}

test('parts that are stored never count, however many; sent again or refused each is a call', async () => {
  await using server = await startServer({ env: ENV });
  const api = new Api(server);
  const session = await api.createSession('parts.bin', bytes.length);
  const parts = partsOf(bytes, session.part_size);
  const put = (index: number) => api.putPart(session.id, { ...(parts[index] ?? assert.fail()), total: bytes.length });
  for (const answer of await times(parts.length - 1, put)) assert.equal(answer.status, 200);

  const again = await times(RATE + 3, () => put(0));
  assert.equal(letThrough(again), RATE);
  assertLimited(again.at(-1));
  // They were calls, too.
  assertLimited(await api.get('/users/me'));
});

test('parts that are refused, for their digest, their range or their session, are calls', async () => {
  await using server = await startServer({ env: { ...ENV, PARTWAY_RATE_LIMIT: '9' } });
  const api = new Api(server);
  const session = await api.createSession('refused.bin', bytes.length);
  const [part] = partsOf(bytes, session.part_size);
  assert.ok(part);
  const wrong = { digest: 'sha=2jmj7l5rSw0yVb/vlWAYkK/YBwk=' };
  const bad = [
    () => api.putPart(session.id, { ...part, total: bytes.length }, wrong),
    () => api.putPart(session.id, { ...part, offset: 1, total: bytes.length }),
    () => api.putPart('0'.repeat(32), { ...part, total: bytes.length }),
  ];
  const answers = await times(12, (n) => (bad[n % 3] ?? assert.fail())());
  assert.equal(letThrough(answers), 9);
});

test('a part whose client leaves in its middle is a call', async () => {
  await using server = await startServer({ env: ENV });
  const api = new Api(server);
  const session = await api.createSession('left.bin', bytes.length);
  const [part] = partsOf(bytes, session.part_size);
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

test('token exchanges count as calls of the user whose token it is', async () => {
  await using server = await startServer({ env: { ...ENV, PARTWAY_RATE_LIMIT: '8' } });
  const app = await addApp(server);
  const user = await tokenOf(server, app, await addUser(server, 'exchanges@partway.test'));
  const api = new Api({ url: server.url, token: user });
  assert.equal(letThrough(await times(3, () => api.get('/users/me'))), 3);
  let subject = user;
  const answers = await times(8, async () => {
    const answer = await askToken(server, { ...EXCHANGE, subject_token: subject });
    // What was made of it is a token of the same user.
    if (answer.status === 200) subject = ((await answer.json()) as { access_token: string }).access_token;
    return answer;
  });
  assert.equal(letThrough(answers), 5);
  const refused = answers.at(-1) ?? assert.fail();
  assert.ok(Number(refused.headers.get('retry-after')) >= 1);
  assert.ok(((await refused.json()) as { error: string }).error.length > 0);
});

test('every other grant, a wrong secret and a revocation count by address', async () => {
  await using server = await startServer({ env: ENV });
  const wrong = { client_id: 'nobody', client_secret: 'wrong', token: 'x', grant_type: 'client_credentials' };
  const ask = (path: string) => fetch(`${server.url}${path}`, { method: 'POST', body: new URLSearchParams(wrong) });
  const paths = ['/oauth2/token', '/oauth2/revoke', '/api/oauth2/token'];
  assert.equal(letThrough(await times(RATE + 3, (n) => ask(paths[n % 3] ?? ''))), RATE);
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
  assert.equal((await new Api(server).get('/users/me')).status, 200);
});

test('signed downloads count by address', async () => {
  await using server = await startServer({ env: ENV });
  const api = new Api(server);
  const { id } = await upload(api, 'file', 'text');
  const { location = '' } = (await api.get(`/files/${id}/content`)).headers;
  assert.equal(letThrough(await times(RATE + 2, () => fetch(location))), RATE);
});

test('of what a client reports a few hundred characters go into the log, all of them printable, and 60 reports a minute', async () => {
  await using server = await startServer({ env: { PARTWAY_MIN_SESSION_SIZE: '1000' } });
  const api = new Api(server);
  const { id } = await api.createSession('reports.bin', 2000);
  const report = (info: unknown) =>
    api.post(`/files/upload_sessions/${id}/log`, { event_type: '\u001b[2J\u202eevent', event_info: info });
  assert.equal((await report('\u009b31mred\n'.repeat(6_000))).status, 204);
  await server.logged(/a client reports an upload event/);
  const lines = reportsOf(server);
  assert.equal(lines.length, 1);
  assert.ok((lines[0]?.length ?? 0) < 1_000, `${lines[0]?.length} characters`);
  assert.match(lines[0] ?? '', /^[ -~]+$/);
  assert.match(lines[0] ?? '', /\\\\u001b\[2J\\\\u202eevent/);

  const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => report({ n, deep: ['x'.repeat(1_000)] })));
  const taken = answers.filter(({ status }) => status === 204).length;
  assert.equal(answers.filter(({ status }) => status === 429).length, 200 - taken);
  // One comes back each second.
  assert.ok(taken >= 59 && taken < 200, `${taken} reports`);
  await until(() => reportsOf(server).length === 1 + taken);
});

function reportsOf(server: TestServer): string[] {
  return server
    .stderr()
    .split('\n')
    .filter((line) => line.includes('a client reports an upload event'));
}
