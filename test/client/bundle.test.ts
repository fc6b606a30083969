import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bundleClient } from '../../scripts/bundle-client.ts';

/** In bytes: the size that docs/use/client.md promises, with a small margin. */
const MAX_SIZE = 84_000;
const MAX_COMPRESSED_SIZE = 27_000;

describe('browser bundle', async () => {
  const bundle = await bundleClient();

  test('is one file without imports, in particular of Node.js modules', () => {
    assert.doesNotMatch(bundle, /\bimport\s*[{*"'(]|\bfrom\s*["']|\brequire\(|["']node:/);
    for (const name of ['process.', 'typebox', 'fastify']) assert.ok(!bundle.includes(name), name);
  });

  test('exports what the documentation lists', () => {
    const exported = /export\{([^}]*)\}/
      .exec(bundle)?.[1]
      ?.split(',')
      .map((name) => name.replace(/.* as /, ''));
    assert.deepEqual(exported?.sort(), [
      'ApiError',
      'SourceChangedError',
      'TransportError',
      'UnexpectedResponse',
      'createClient',
      'indexedDbStateStore',
      'localStorageStateStore',
      'memoryStateStore',
    ]);
  });

  test('is as small as the documentation says', async () => {
    const compressed = gzipSync(bundle).length;
    assert.ok(
      bundle.length <= MAX_SIZE && compressed <= MAX_COMPRESSED_SIZE,
      `${bundle.length}, ${compressed} compressed`,
    );
    const said = /(\d+)\s+KB,\s+(\d+)\s+KB\s+compressed/.exec(await readFile('docs/use/client.md', 'utf8'));
    assert.deepEqual(
      [Number(said?.[1]), Number(said?.[2])],
      [Math.round(bundle.length / 1000), Math.round(compressed / 1000)],
      'docs/use/client.md says another size',
    );
  });
});
