import { API_ROUTES } from '../auth/api-routes.ts';
import type { SeededRandom } from '../faults/seeded-random.ts';
import { sha1Base64 } from '../support/bytes.ts';

/** Existing things that requests can name. */
export interface Targets {
  token: string;
  file: string;
  version: string;
  folder: string;
  session: string;
  user: string;
  /** Path and query of a signed address. */
  download: string;
  clientId: string;
  clientSecret: string;
}

/** What a client does on one connection. */
export interface Scenario {
  /** One per request, as sent. */
  requests: Buffer[];
  methods: string[];
  paths: string[];
  /** Whether a parser sees exactly these requests. Otherwise, any bytes can have been altered. */
  isFramed: boolean;
  /** What the client does after it has sent everything. */
  ending: 'finish' | 'leave' | 'reset' | 'leave after one' | 'reset after one' | 'stall';
}

interface Request {
  method: string;
  path: string;
  version: string;
  headers: [name: string, value: string][];
  body: Buffer;
}

const PART = 65_536;
const ENDINGS = [
  'finish',
  'finish',
  'finish',
  'finish',
  'leave',
  'reset',
  'leave after one',
  'reset after one',
] as const;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND', 'QUERY', 'M-SEARCH'];
const IDS = [
  '0',
  '1',
  '-1',
  '999999999999999',
  '9'.repeat(30),
  'x',
  '%',
  '%zz',
  '%00',
  '%ff',
  '..',
  '%2e%2e%2f',
  ' ',
  'é',
];
const TEXTS = [
  '',
  'x',
  '\u0000',
  '\ud800',
  'ü'.repeat(300),
  'x'.repeat(5_000),
  '../../etc/passwd',
  '{}',
  '[]',
  'null',
  '1e309',
];
const HEADERS: [string, string][] = [
  ['range', 'bytes=0-0'],
  ['range', 'bytes=-1'],
  ['range', 'bytes=5-2'],
  ['range', `bytes=${'0-1,'.repeat(500)}0-1`],
  ['if-match', '*'],
  ['if-none-match', 'W/"x", "y"'],
  ['if-range', 'x'],
  ['if-modified-since', 'yesterday'],
  ['accept-encoding', 'gzip'],
  ['content-encoding', 'gzip'],
  ['content-type', ''],
  ['content-type', 'text/plain; charset=utf-16'],
  ['content-type', 'multipart/form-data'],
  ['content-type', 'multipart/form-data; boundary='],
  ['accept-version', '1.0.0'],
  ['origin', 'null'],
  ['as-user', '1'],
  ['box-version', '2099.1'],
  ['upgrade', 'h2c'],
  ['cookie', 'partway-login=x'],
  ['digest', 'sha=x'],
  ['digest', `sha=${' '.repeat(5_000)}`],
  ['content-range', 'bytes 0-1/2'],
  ['content-md5', 'x'],
  ['x-forwarded-host', '<script>'],
  ['expect', '100-continue'],
  ['expect', 'tea'],
  ['te', 'trailers'],
  ['x', '\u0080\u00ff'],
];

/** Returns the next scenario from `random`. */
export function nextScenario(random: SeededRandom, targets: Targets): Scenario {
  const requests = Array.from({ length: 1 + random.below(4) }, () => nextRequest(random, targets));
  for (const request of requests) if (random.below(3) > 0) alterContent(random, request);
  const isFramed = random.below(2) === 0;
  const wire = requests.map((request, index) => serialize(request, { isLast: index === requests.length - 1 }));
  const altered = isFramed ? wire : wire.map((bytes) => (random.below(2) === 0 ? bytes : alterBytes(random, bytes)));
  // After alterations, it is unknown whether a response answers the HEAD, and so whether it has a body.
  const methods = requests.map(({ method }) => method);
  if (!isFramed && methods.includes('HEAD')) return nextScenario(random, targets);
  return {
    requests: altered,
    methods,
    paths: requests.map(({ path }) => path),
    isFramed,
    ending: random.below(100) === 0 ? 'stall' : random.pick(ENDINGS),
  };
}

function nextRequest(random: SeededRandom, targets: Targets): Request {
  const headers: Request['headers'] = [['host', 'files.example']];
  const special = random.below(8);
  if (special === 0) return publicRequest(random, targets, headers);
  if (special === 1) return partRequest(random, targets, headers);
  const route = random.pick(API_ROUTES);
  headers.push(['authorization', `Bearer ${targets.token}`]);
  const fill = (text: string) =>
    text.replaceAll(/:(file|folder|session|version|user)(?:_id)?/g, (_all, kind: keyof Targets) =>
      random.below(6) === 0 ? random.pick(IDS) : targets[kind],
    );
  const prefix = random.pick(['/2.0', '/api/2.0']);
  const path =
    prefix +
    fill(route.url) +
    random.pick(['', '', '', '?fields=name,path_collection', '?limit=1&offset=x', '?%', '/']);
  let body = route.body === undefined ? '' : fill(JSON.stringify(route.body)).replace('["1"]', '["999"]');
  if (route.multipart) {
    const field = `--b\r\ncontent-disposition: form-data; name="attributes"\r\n\r\n${body}\r\n`;
    body = `${field}--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nbytes\r\n--b--\r\n`;
    headers.push(['content-type', 'multipart/form-data; boundary=b']);
  }
  return { method: route.method, path, version: 'HTTP/1.1', headers, body: Buffer.from(body) };
}

function publicRequest(random: SeededRandom, targets: Targets, headers: Request['headers']): Request {
  const { clientId, clientSecret, download } = targets;
  const form = random.pick([
    `grant_type=client_credentials&client_id=${clientId}&client_secret=${clientSecret}&box_subject_type=user&box_subject_id=1`,
    'grant_type=refresh_token&refresh_token=x',
    `client_id=${clientId}&client_secret=${clientSecret}&token=x`,
    '%',
    '',
  ]);
  const [method, path, body] = random.pick([
    ['GET', '/healthz', ''],
    ['GET', '/readyz', ''],
    ['GET', download, ''],
    ['HEAD', download, ''],
    ['GET', '/downloads/1/1?expires=x&signature=y', ''],
    ['GET', '/thumbnails/placeholder.png', ''],
    ['POST', '/oauth2/token', form],
    ['POST', '/api/oauth2/token', form],
    ['POST', '/oauth2/revoke', form],
    ['GET', `/oauth2/authorize?client_id=${clientId}&response_type=code`, ''],
    ['POST', '/oauth2/authorize', form],
    ['GET', '/nothing', ''],
    ['OPTIONS', '*', ''],
  ] as const);
  return { method, path, version: 'HTTP/1.1', headers, body: Buffer.from(body) };
}

function partRequest(random: SeededRandom, { token, session }: Targets, headers: Request['headers']): Request {
  const body = Buffer.alloc(random.pick([PART, PART, 100]), random.below(3));
  headers.push(['authorization', `Bearer ${token}`], ['digest', `sha=${sha1Base64(body)}`]);
  const first = random.below(4) * PART;
  headers.push(['content-range', `bytes ${first}-${first + PART - 1}/${4 * PART}`]);
  if (random.below(4) === 0) headers.push(['expect', '100-continue']);
  const prefix = random.pick(['/2.0', '/api/2.0']);
  return { method: 'PUT', path: `${prefix}/files/upload_sessions/${session}`, version: 'HTTP/1.1', headers, body };
}

/** Changes the content of a request, but not where it ends. */
function alterContent(random: SeededRandom, request: Request): void {
  for (let left = 1 + random.below(2); left > 0; left--) {
    const change = random.below(7);
    if (change === 0) request.method = random.pick(METHODS);
    if (change === 1) request.headers.push(random.pick(HEADERS));
    if (change === 2) request.headers = request.headers.filter(([name]) => name !== 'authorization');
    if (change === 3) request.path = request.path.replace(/\/[^/]*$/, `/${random.pick(IDS).trim()}`);
    if (change === 4)
      request.body = Buffer.from(JSON.stringify({ name: random.pick(TEXTS), parent: random.pick(TEXTS) }));
    if (change === 5) request.body = Buffer.from(random.pick(TEXTS));
    if (change === 6)
      request.path = random.pick([
        request.path.slice(0, 6),
        `http://a.example${request.path}`,
        `${request.path}?x=${'y'.repeat(4_000)}`,
      ]);
  }
}

function serialize({ method, path, version, headers, body }: Request, { isLast }: { isLast: boolean }): Buffer {
  const names = new Set(headers.map(([name]) => name));
  const framing: [string, string][] =
    body.length > 0 || method === 'POST' ? [['content-length', String(body.length)]] : [];
  if (isLast && !names.has('connection')) framing.push(['connection', 'keep-alive']);
  const lines = [...headers, ...framing].map(([name, value]) => `${name}: ${value}\r\n`);
  const target = Buffer.from(path).toString('latin1').replaceAll(' ', '%20');
  return Buffer.concat([Buffer.from(`${method} ${target} ${version}\r\n${lines.join('')}\r\n`, 'latin1'), body]);
}

/** Changes bytes, so that a request can end elsewhere, become two requests, or become none. */
function alterBytes(random: SeededRandom, bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  const at = random.below(Math.min(text.length, 600));
  const replaced = (from: RegExp, to: string) => text.replace(from, () => to);
  const altered = random.pick([
    () => text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1),
    () =>
      text.slice(0, at) +
      random.pick(['\r', '\n', '\r\n', '\r\n\r\n', '\0', ' ', ':', '%', '\t', '\xff']) +
      text.slice(at),
    () => text.slice(0, at) + text.slice(at + 1 + random.below(20)),
    () => text.slice(0, at),
    () => replaced(/^[A-Z-]+/, random.pick(['get', 'CONNECT', 'PRI', 'X', '', 'GET GET'])),
    () => replaced(/HTTP\/1\.1/, random.pick(['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.1x', ''])),
    () =>
      replaced(
        /host: [^\r]*\r\n/,
        random.pick(['', 'host: a\r\nhost: b\r\n', 'host: u@a\r\n', 'host:\r\n', 'Host : a\r\n']),
      ),
    () =>
      replaced(
        /content-length: ([0-9]+)/,
        `content-length: ${random.pick(['0', '1', '-1', '99999', '+5', '0x5', '5, 5'])}`,
      ),
    () =>
      replaced(
        /content-length: [0-9]+/,
        `transfer-encoding: ${random.pick(['chunked', 'gzip', 'chunked, chunked', 'xchunked'])}`,
      ),
    () => replaced(/\r\n\r\n/, '\r\ntransfer-encoding: chunked\r\n\r\n'),
    () => replaced(/\r\n\r\n/, `\r\nx: ${'y'.repeat(random.pick([100, 20_000]))}\r\n\r\n`),
    () => replaced(/\r\n\r\n/, '\r\nconnection: close\r\n\r\n'),
    () => replaced(/\r\n\r\n/, '\r\nexpect: 200-maybe\r\n\r\n'),
    () => replaced(/\r\n/g, '\n'),
    () => `\r\n${text}`,
    () => text + text.slice(at),
  ])();
  return Buffer.from(altered, 'latin1');
}
