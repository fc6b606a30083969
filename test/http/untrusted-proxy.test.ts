import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';

const countLines = (log: string, what: RegExp) => log.split('\n').filter((line) => what.test(line)).length;

test('the server warns at its start of a public URL without a trusted proxy, and once of forwarded requests', async () => {
  await using server = await startServer({ env: { PARTWAY_PUBLIC_URL: 'https://files.example.com' } });
  await server.waitForLog(/a public URL is set, but no proxy is trusted/);
  for (const header of ['x-forwarded-for', 'x-forwarded-proto', 'forwarded']) {
    await fetch(`${server.url}/healthz`, { headers: { [header]: 'for=192.0.2.1' } });
  }
  await server.waitForLog(/has forwarding headers, but no proxy is trusted/);
  await server.stop();
  assert.equal(countLines(server.stderr(), /has forwarding headers, but no proxy is trusted/), 1);
  assert.equal(countLines(server.stderr(), /a public URL is set/), 1);
});

test('the server does not warn if the proxy is trusted or if there is none', async () => {
  const url = { PARTWAY_PUBLIC_URL: 'https://files.example.com' };
  await using trusted = await startServer({ env: { ...url, PARTWAY_TRUSTED_PROXIES: '127.0.0.1' } });
  await using direct = await startServer({ tls: true, env: url });
  await fetch(`${trusted.url}/healthz`, { headers: { 'x-forwarded-for': '192.0.2.1' } });
  for (const server of [trusted, direct]) {
    await server.stop();
    assert.equal(countLines(server.stderr(), /no proxy is trusted/), 0);
  }
});
