import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseContentRange, parseDigest } from '../../packages/protocol/src/headers.ts';
import { parseSessionId, type Sha1, sha1ToBase64 } from '../../packages/protocol/src/ids.ts';

const offsets = fc.integer({ min: 0, max: 2 ** 50 });

test('parses a rendered content-range unchanged', () => {
  fc.assert(
    fc.property(offsets, offsets, offsets, fc.constantFrom('bytes', 'Bytes', 'BYTES'), (first, last, total, unit) => {
      assert.deepEqual(parseContentRange(`${unit} ${first}-${last}/${total}`), { first, last, total });
    }),
  );
});

test('rejects any other form of content-range', () => {
  const others = [
    '',
    'bytes',
    'bytes 0-1',
    'bytes 0-1/*',
    'bytes */10',
    'bytes -1-2/3',
    'bytes 0x1-2/3',
    'bytes 1e3-2/3',
  ];
  for (const text of [
    ...others,
    'items 0-1/2',
    'bytes 0-1/2, 3-4/5',
    'bytes 0 - 1 / 2',
    'bytes 0-1/2.0',
    'bytes ٠-١/٢',
  ]) {
    assert.equal(parseContentRange(text), undefined, text);
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      const range = parseContentRange(text);
      if (range !== undefined) assert.match(text, /^\s*bytes\s+\d+-\d+\/\d+\s*$/i);
    }),
  );
});

test('parses a digest with a name in any case, also next to others', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom('sha', 'SHA', 'Sha'), (bytes, name) => {
      const hash = createHash('sha1').update(bytes).digest();
      const base64 = hash.toString('base64');
      assert.equal(parseDigest(`${name}=${base64}`), hash.toString('hex'));
      assert.equal(parseDigest(`md5=HUXZLQLMuI/KZ5KDcJPcOA==, ${name}=${base64} `), hash.toString('hex'));
      assert.equal(sha1ToBase64(hash.toString('hex') as Sha1), base64);
    }),
  );
});

test('rejects a digest that is not the base64 of twenty bytes', () => {
  const hex = createHash('sha1').digest('hex');
  for (const text of [
    '',
    'sha',
    'sha=',
    `sha=${hex}`,
    'sha=fpRyg5eVQletdZqEKaFlqwBXJzM',
    'md5=abc=',
    'sha1=fpRyg5eVQletdZqEKaFlqwBXJzM=',
    'sha=fpRyg5eVQletdZqEKaFlqwBX*zM=',
  ]) {
    assert.equal(parseDigest(text), undefined, text);
  }
});

test('a session ID is 32 hex digits, so it can never be a path', () => {
  assert.equal(parseSessionId('F971964745A5CD0C001BBE4E58196BFD'), 'F971964745A5CD0C001BBE4E58196BFD');
  assert.equal(parseSessionId('f971964745a5cd0c001bbe4e58196bfd'), 'F971964745A5CD0C001BBE4E58196BFD');
  for (const text of [
    '',
    '..',
    '../../../../../../../../etc/passwd',
    '%2e%2e%2f',
    `${'A'.repeat(31)}\0`,
    'A'.repeat(33),
    `${'A'.repeat(32)}\n`,
  ]) {
    assert.equal(parseSessionId(text), undefined, JSON.stringify(text));
  }
});

test('parses a digest among spaces, equal signs and commas in linear time', () => {
  const base64 = createHash('sha1').digest('base64');
  const hex = createHash('sha1').digest('hex');
  assert.equal(parseDigest(`\t sha= ${base64}\t`), hex);
  assert.equal(parseDigest(`=,,sha==,a=b=c,SHA=${base64}`), hex);
  for (const none of [`sha=${' '.repeat(15_000)}x`, `xsha=${base64}`, `sha ${base64}`, '='.repeat(15_000)]) {
    assert.equal(parseDigest(none), undefined);
  }
});
