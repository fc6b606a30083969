import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { test } from 'node:test';
import { addUserWithPassword, partwayJson } from '../auth/operator.ts';
import { startServer, type TestServer } from '../support/server.ts';

const HSTS = 'max-age=31536000';
const REDIRECT = 'https://app.partway.test/callback';
const LOGIN = 'ada@partway.test';
const PASSWORD = 'correct horse battery';

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Sends any kind of request. Trusts the certificate authority of a server with TLS. */
function call(
  server: TestServer,
  path: string,
  { headers = {}, form }: { headers?: Record<string, string>; form?: URLSearchParams } = {},
): Promise<Answer> {
  const { certificates } = server;
  const request = certificates === undefined ? requestHttp : requestHttps;
  return new Promise((resolve, reject) => {
    const sent = request(
      `${server.url}${path}`,
      {
        method: form === undefined ? 'GET' : 'POST',
        headers: { ...headers, ...(form && { 'content-type': 'application/x-www-form-urlencoded' }) },
        ...(certificates && { ca: readFileSync(certificates.ca) }),
        agent: false,
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
      },
    );
    sent.on('error', reject).end(form?.toString());
  });
}

const PUBLIC = { PARTWAY_PUBLIC_URL: 'https://files.example.com' };
const TRUSTED = { PARTWAY_TRUSTED_PROXIES: '127.0.0.1' };
const VIA_HTTPS = { 'x-forwarded-proto': 'https' };

/** Each way to reach the server, and whether the browser uses HTTPS. */
const WAYS = [
  { way: 'over TLS', options: { tls: true }, headers: {}, secure: true },
  { way: 'over plain HTTP', options: {}, headers: {}, secure: false },
  { way: 'behind a TLS terminator for the public URL', options: { env: PUBLIC }, headers: {}, secure: true },
  { way: 'behind a trusted proxy that terminates TLS', options: { env: TRUSTED }, headers: VIA_HTTPS, secure: true },
  { way: 'with a header from an untrusted proxy', options: {}, headers: VIA_HTTPS, secure: false },
];

for (const { way, options, headers, secure } of WAYS) {
  test(`${way}, every response ${secure ? 'requires HTTPS' : 'omits HSTS'}, and the login cookie matches`, async () => {
    await using server = await startServer(options);
    const paths = ['/healthz', '/2.0/users/me', '/2.0/nowhere', '/oauth2/authorize'];
    // Fastify does not ask proxies about an address that it cannot parse.
    if (!('env' in options) || options.env !== TRUSTED) paths.push('/2.0/files/%zz');
    for (const path of paths) {
      const answer = await call(server, path, { headers });
      assert.equal(answer.headers['strict-transport-security'], secure ? HSTS : undefined, `${path} ${answer.status}`);
    }

    await addUserWithPassword(server, LOGIN, PASSWORD);
    const app = await partwayJson<{ client_id: string }>(server, 'app', 'add', 'App', '--redirect-uri', REDIRECT);
    const path = `/oauth2/authorize?${new URLSearchParams({ response_type: 'code', client_id: app.client_id })}`;
    const page = await call(server, path, { headers });
    const [set = ''] = page.headers['set-cookie'] ?? [];
    const [cookie = ''] = set.split(';', 1);
    assert.equal(cookie.split('=')[0], secure ? '__Host-partway-login' : 'partway-login');
    assert.match(set, /; Path=\/; HttpOnly; SameSite=Lax/);
    assert.equal(set.includes('; Secure'), secure);
    assert.doesNotMatch(set, /domain/i);

    const ticket = /name="ticket" value="([^"]*)"/.exec(page.text)?.[1] ?? '';
    const form = new URLSearchParams({ ticket, decision: 'allow', login: LOGIN, password: PASSWORD });
    const other = secure ? cookie.replace('__Host-', '') : `__Host-${cookie}`;
    const rejected = await call(server, path, { headers: { ...headers, cookie: other }, form });
    assert.equal(rejected.status, 400, 'a cookie of the other name, which another host can set');
    const back = await call(server, path, { headers: { ...headers, cookie }, form });
    assert.equal(back.status, 303);
    assert.match(back.headers.location ?? '', /^https:\/\/app\.partway\.test\/callback\?code=/);
  });
}
