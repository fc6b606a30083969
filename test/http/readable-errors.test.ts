import assert from 'node:assert/strict';
import { after, before, describe, it, test } from 'node:test';
import { RawConnection, rawRequest } from '../support/raw-connection.ts';
import { startServer, type TestServer } from '../support/server.ts';

const ORIGIN = 'https://app.example.com';
const PAGE = [`origin: ${ORIGIN}`];
const HSTS = 'max-age=31536000';

/** One error of each kind: from a route, Fastify, the server before Fastify, a body, and Node's parser. */
const ERRORS: { what: string; status: number; sent: () => string; hasHeaders: boolean }[] = [
  { what: 'a route', status: 401, sent: () => rawRequest('GET /2.0/users/me', PAGE), hasHeaders: true },
  { what: 'an unknown address', status: 404, sent: () => rawRequest('GET /nowhere', PAGE), hasHeaders: true },
  { what: 'a bad address', status: 400, sent: () => rawRequest('GET /2.0/files/%zz', PAGE), hasHeaders: true },
  {
    what: 'a bad host',
    status: 400,
    sent: () => `GET /2.0/users/me HTTP/1.1\r\nhost: a b\r\n${PAGE}\r\n\r\n`,
    hasHeaders: true,
  },
  {
    what: 'an unknown expectation',
    status: 417,
    sent: () => rawRequest('GET /2.0/users/me', [...PAGE, 'expect: wonders']),
    hasHeaders: true,
  },
  {
    what: 'a body that stalls',
    status: 408,
    sent: () => rawRequest('POST /oauth2/token', [...PAGE, 'content-length: 1000'], 'grant_type='),
    hasHeaders: true,
  },
  {
    what: 'a chunk without a size',
    status: 400,
    sent: () => rawRequest('POST /oauth2/token', [...PAGE, 'transfer-encoding: chunked'], 'x\r\n'),
    hasHeaders: true,
  },
  {
    what: 'headers that are too large',
    status: 431,
    sent: () => rawRequest('GET /2.0/users/me', [...PAGE, `x-large: ${'x'.repeat(20_000)}`]),
    hasHeaders: false,
  },
  { what: 'bytes that are not a request', status: 400, sent: () => 'HELLO\r\n\r\n', hasHeaders: false },
];

async function getResponse(server: TestServer, bytes: string) {
  const connection = await RawConnection.open(server);
  await connection.send(bytes);
  const [response] = await connection.responses(1);
  connection.socket.destroy();
  assert.ok(response);
  return response;
}

for (const origins of ['*', ORIGIN]) {
  describe(`with PARTWAY_CORS_ORIGINS=${origins} and a public HTTPS address, an error`, () => {
    let server: TestServer;
    before(async () => {
      server = await startServer({
        env: {
          PARTWAY_CORS_ORIGINS: origins,
          PARTWAY_PUBLIC_URL: 'https://files.example.com',
          PARTWAY_BODY_TIMEOUT: '300ms',
        },
      });
    });
    after(() => server[Symbol.asyncDispose]());

    for (const { what, status, sent, hasHeaders } of ERRORS) {
      it(`about ${what} can be read by a page and requires HTTPS`, async () => {
        const { headers, status: got, body } = await getResponse(server, sent());
        assert.equal(got, status, body);
        assert.equal(headers['strict-transport-security'], HSTS);
        // If the headers cannot be parsed, the origin is unknown.
        if (origins !== '*' && !hasHeaders) return assert.equal(headers['access-control-allow-origin'], undefined);
        assert.equal(headers['access-control-allow-origin'], origins);
        assert.match(headers['access-control-expose-headers'] ?? '', /\bbox-request-id\b/);
      });
    }
  });
}

test('if origins are configured, pages of other origins can read no errors, and responses over HTTP do not require HTTPS', async () => {
  await using server = await startServer({ env: { PARTWAY_CORS_ORIGINS: ORIGIN, PARTWAY_BODY_TIMEOUT: '300ms' } });
  for (const { sent } of ERRORS) {
    const { headers } = await getResponse(server, sent().replace(ORIGIN, 'https://other.example.com'));
    assert.equal(headers['access-control-allow-origin'], undefined);
    assert.equal(headers['strict-transport-security'], undefined);
  }
});
