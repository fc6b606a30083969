/**
 * The attackers, in a process of their own with the lowest priority. Each repeats a request that once blocked the server for
 * others, at a fixed rate, and ignores the response.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { attributes, filePart, form, sendForm } from '../../test/http/forms.ts';
import { Api, type ApiResponse } from '../../test/support/api.ts';
import { MIB } from '../support.ts';

export interface AttackOrder {
  url: string;
  token: string;
  /** The token of another user, who has a quota of 10 MB. */
  limited: string;
  seconds: number;
  /** Requests per second of each attacker. */
  rate: number;
  /** Runs only attacks whose names start with one of these; all if empty. */
  only: readonly string[];
}

const TIB = 2 ** 40;
const order = JSON.parse(process.argv[2] ?? 'null') as AttackOrder;
const api = new Api(order);
const limited = new Api({ url: order.url, token: order.limited });
const statuses: Record<string, Record<string, number>> = {};
/** Set when the attack starts. */
let end = Number.POSITIVE_INFINITY;
let made = 0;

setPriority(19);
const folder = await deepFolder(90);
const wide = await wideFolder(200);
const file = (await sendFile('target.bin', Buffer.alloc(2 * MIB))).json.entries[0].id;
const { id: session } = await api.createSession('target-session.bin', 64 * MIB);
const location = String((await api.get(`/files/${file}/content`)).headers.location);
console.log('ready');
await once(process.stdin, 'data');
end = performance.now() + order.seconds * 1000;
await Promise.all([
  repeat('S1 sessions of 5 TiB', () => create(5 * TIB)),
  repeat('S1 sessions of 20 MB', () => create(20_000_000)),
  repeat('S2 large descriptions', () =>
    commit({ parts: [], attributes: { description: 'x'.repeat(3.9 * MIB) } }, session),
  ),
  repeat('S2 copies', () => api.post(`/files/${file}/copy`, { parent: { id: '0' }, name: `copy-${made++}` })),
  repeat('S2 lists', () => api.get('/folders/0/items?limit=1000&fields=description,path_collection')),
  repeat('S3 digests of spaces', () => commit({ parts: [] }, session, `sha=${' '.repeat(15_000)}x`)),
  ...many(400, 'S4 downloads', neverRead),
  ...many(10, 'S4 pipelines', pipeline),
  repeat('S5 copies of folders', () =>
    api.post(`/folders/${wide}/copy`, { parent: { id: '0' }, name: `wide-${made++}` }),
  ),
  repeat('S6 deep paths', () => api.get(`/folders/${folder}/items?limit=1000&fields=path_collection`)),
  repeat('S8 token exchanges', exchange),
  repeat('S8 refused parts', () => api.putPart(session, { offset: 1, bytes: Buffer.alloc(1000), total: 64 * MIB })),
  repeat('S8 reports', () =>
    api.post(`/files/upload_sessions/${session}/log`, { event_type: 'x', event_info: 'x'.repeat(60_000) }),
  ),
  ...Array.from({ length: 30 }, () =>
    repeat('S9 direct uploads', () => sendFile(`d-${made++}`, Buffer.alloc(9_000_000), limited), 1 / 3),
  ),
  repeat('S15 nested commits', () => commit('['.repeat(2 * MIB) + ']'.repeat(2 * MIB), 'F'.repeat(32))),
]);
console.log(JSON.stringify(statuses));
process.exit(0);

function isWanted(name: string): boolean {
  return order.only.length === 0 || order.only.some((start) => name.startsWith(start));
}

function many(count: number, name: string, attack: () => Promise<void>): Promise<void>[] {
  return isWanted(name) ? Array.from({ length: count }, attack) : [];
}

async function repeat(name: string, act: () => Promise<ApiResponse | Response>, perSecond = order.rate): Promise<void> {
  if (!isWanted(name)) return;
  statuses[name] ??= {};
  const answers = statuses[name];
  while (performance.now() < end) {
    const next = performance.now() + 1000 / perSecond;
    const status = await act().then(
      (answer) => String(answer.status),
      () => 'broken',
    );
    answers[status] = (answers[status] ?? 0) + 1;
    await sleep(Math.max(0, next - performance.now()));
  }
}

function create(size: number): Promise<ApiResponse> {
  return api.post('/files/upload_sessions', { folder_id: '0', file_size: size, file_name: `s-${made++}` });
}

function commit(body: unknown, id: string, digest = 'sha=2jmj7l5rSw0yVb/vlWAYkK/YBwk='): Promise<ApiResponse> {
  return api.post(`/files/upload_sessions/${id}/commit`, body, { digest });
}

function exchange(): Promise<Response> {
  const fields = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: order.token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    scope: 'base_upload',
  };
  return fetch(`${order.url}/oauth2/token`, { method: 'POST', body: new URLSearchParams(fields) });
}

function sendFile(name: string, bytes: Buffer, by = api): Promise<ApiResponse> {
  return sendForm(by, '/files/content', form(attributes({ name, parent: { id: '0' } }), filePart(bytes)));
}

/** S4: requests a download and does not read it. Repeats this when the server has closed the connection. */
async function neverRead(): Promise<void> {
  const path = location.slice(order.url.length);
  await holdOpen(`GET ${path} HTTP/1.1\r\nhost: ${new URL(order.url).host}\r\n\r\n`);
}

/** S4: sends 200 requests at once on one connection, and reads no response. */
async function pipeline(): Promise<void> {
  const { host } = new URL(order.url);
  const one = `GET /2.0/folders/0/items?limit=1000 HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${order.token}\r\n\r\n`;
  await holdOpen(one.repeat(200));
}

async function holdOpen(text: string): Promise<void> {
  const { hostname, port } = new URL(order.url);
  while (performance.now() < end) {
    const socket = connect(Number(port), hostname);
    socket.pause();
    socket.on('error', () => {});
    socket.write(text);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await Promise.race([closed, sleep(Math.max(0, end - performance.now()), undefined, { ref: false })]);
    socket.destroy();
    await sleep(1000 / order.rate);
  }
}

async function deepFolder(depth: number): Promise<string> {
  let id = '0';
  for (let level = 0; level < depth; level++) {
    id = (await api.post('/folders', { name: `level-${level}`, parent: { id } })).json.id;
  }
  for (let n = 0; n < 100; n++) await api.post('/folders', { name: `leaf-${n}`, parent: { id } });
  return id;
}

async function wideFolder(folders: number): Promise<string> {
  const { id } = (await api.post('/folders', { name: 'wide', parent: { id: '0' } })).json;
  for (let n = 0; n < folders; n++) await api.post('/folders', { name: `folder-${n}`, parent: { id } });
  return id;
}
