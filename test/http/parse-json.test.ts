import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TextDecoder } from 'node:util';
import fc from 'fast-check';
import { decodeText } from '../../packages/server/src/http/request/decode-text.ts';
import { MAX_JSON_NESTING, MAX_JSON_VALUES, parseJson } from '../../packages/server/src/http/request/parse-json.ts';

const parse = (text: string) => parseJson(Buffer.from(text), undefined, 'The body');

/** Strings with quotes, backslashes and brackets after runs of every length. */
const awkward = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 70 }).map((length) => 'x'.repeat(length)),
      fc.constantFrom('"', '\\', '\\\\', '\\"', '"\\', '[', '{', ',', ']', '\n', 'ü', '😀'),
    ),
    { maxLength: 40 },
  )
  .map((pieces) => pieces.join(''));

test('JSON is parsed as it was written, whatever its strings contain', () => {
  fc.assert(
    fc.property(fc.array(fc.dictionary(awkward, fc.oneof(awkward, fc.jsonValue({ maxDepth: 3 })))), (value) => {
      const text = JSON.stringify(value);
      assert.deepEqual(parse(text), JSON.parse(text));
    }),
  );
});

test('brackets and commas in a string are not counted, and those after it are', () => {
  fc.assert(
    fc.property(awkward, (text) => {
      const string = JSON.stringify(`${'['.repeat(100)}${','.repeat(100)}${text}`);
      assert.doesNotThrow(() => parse(`[${string}]`));
      assert.throws(() => parse(`[${string},${'['.repeat(MAX_JSON_NESTING + 1)}`), /nested more than/);
      assert.throws(() => parse(`[${string}${',1'.repeat(MAX_JSON_VALUES)}]`), /more than 100000 values/);
    }),
    { numRuns: 30 },
  );
});

test('an unterminated string is not valid JSON', () => {
  for (const text of ['"', '"x', `"${'x'.repeat(1000)}`, `"${'x'.repeat(1000)}\\"`, `"${'x'.repeat(40)}\\`]) {
    assert.throws(() => parse(text), /is not valid JSON/);
  }
});

test('bytes are decoded or rejected exactly as by a fatal TextDecoder', () => {
  const fatal = (bytes: Uint8Array) => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  const outcome = (decode: () => string) => {
    try {
      return decode();
    } catch {
      return undefined;
    }
  };
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(`\ufeff\ufeff${text}`)),
  );
  fc.assert(
    fc.property(bytes, fc.constantFrom(undefined, '', 'utf-8', ' UTF8 '), (given, charset) => {
      assert.equal(
        outcome(() => decodeText(given, charset, 'The body')),
        outcome(() => fatal(given)),
      );
    }),
    { numRuns: 1000 },
  );
});
