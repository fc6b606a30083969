import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { checkPublicKey } from '../../packages/server/src/auth/apps/keys.ts';
import { checkRedirectUri, redirectSource } from '../../packages/server/src/auth/apps/redirect-uri.ts';
import { parseResource } from '../../packages/server/src/auth/resource.ts';
import { parseScopes, permissionsFor } from '../../packages/server/src/auth/scopes.ts';
import { createKeyPair } from './auth-fixture.ts';

test('a login can redirect to a protected address of an app, and to no other', () => {
  for (const uri of [
    'https://app.example.com/callback?x=1',
    'http://localhost:3000/',
    'http://127.0.0.1:53682/',
    'http://[::1]:8080/x',
    'x-cyberduck-action:oauth',
    'com.example.app://login',
  ]) {
    checkRedirectUri(uri);
  }
  for (const uri of [
    'callback',
    '//app.example.com',
    'http://app.example.com/',
    'https://app.example.com/#x',
    'https://user@app.example.com/',
    'https://a;b.example.com/',
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
  ]) {
    assert.throws(() => checkRedirectUri(uri), /cannot be used/, uri);
  }
  assert.equal(redirectSource('http://127.0.0.1:53682/x'), 'http://127.0.0.1:53682');
  assert.equal(redirectSource('x-cyberduck-action:oauth'), 'x-cyberduck-action:');
  assert.equal(redirectSource('http://[::1]:8080/x'), 'http:');
});

test('an app signs with an RSA key of at least 2048 bits, and registers only the public half', () => {
  checkPublicKey(createKeyPair().publicPem);
  assert.throws(() => checkPublicKey(createKeyPair(1024).publicPem), /2048 bits/);
  const pem = { type: 'spki', format: 'pem' } as const;
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export(pem).toString();
  assert.throws(() => checkPublicKey(curve), /RSA/);
  const secret = createKeyPair().privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  assert.throws(() => checkPublicKey(secret), /private key/);
  assert.throws(() => checkPublicKey('x'), /PEM/);
});

test('unknown scopes give no permissions, and a token without scopes has all of them', () => {
  assert.deepEqual(parseScopes('base_upload  base_upload toString item_share'), {
    known: ['base_upload', 'item_share'],
    unknown: ['toString'],
  });
  assert.deepEqual([...permissionsFor([])], []);
  assert.deepEqual([...permissionsFor(['item_share'])], []);
  assert.deepEqual(permissionsFor(undefined), permissionsFor(['root_readwrite']));
});

test('a resource is the API address of a file or a folder', () => {
  assert.deepEqual(parseResource('https://api.box.com/2.0/files/123'), { kind: 'file', id: 123 });
  assert.deepEqual(parseResource('folders/0'), { kind: 'folder', id: 0 });
  for (const text of ['https://x/2.0/files/', 'files/01', 'files/1/content', 'users/1', 'files/-1', 'files/1e3', '']) {
    assert.equal(parseResource(text), undefined, text);
  }
});
