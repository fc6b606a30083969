import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { nameKey } from '../../packages/protocol/src/names.ts';
import { matchesEtag } from '../../packages/server/src/files/get-item.ts';
import { assertValidName } from '../../packages/server/src/files/names.ts';

const errorWithCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;

describe('names', () => {
  for (const name of ['', '.', '..', 'a/b', 'a\\b', 'a ', ' ', 'a\nb', '\u0000', 'a\u007f', 'a\u0085', '\ud800']) {
    test(`${JSON.stringify(name)} is not a valid name`, () => {
      assert.throws(() => assertValidName(name), errorWithCode('name-invalid'));
    });
  }

  for (const name of ['a', '...', ' a', '.a', 'a.', '日本語', '👩‍👩‍👧', 'a:b*c?"<>|', 'CON', 'a\u00a0']) {
    test(`${JSON.stringify(name)} is a valid name`, () => assertValidName(name));
  }

  test('a name can have up to 255 characters, however many bytes they take', () => {
    assertValidName('👩'.repeat(255));
    assert.throws(() => assertValidName('👩'.repeat(256)), errorWithCode('name-too-long'));
  });

  test('a name without slashes, control characters and a trailing space is accepted, and any other is rejected', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (name) => {
        const isValid = !/[/\\\p{Cc}]/u.test(name) && !/ $|^\.\.?$/.test(name);
        if (isValid) assertValidName(name);
        else assert.throws(() => assertValidName(name), errorWithCode('name-invalid'));
      }),
    );
  });

  test('two names are equal if they differ only in case or composition', () => {
    assert.equal(nameKey('Straße.TXT'), nameKey('straße.txt'));
    assert.equal(nameKey('\u00e9'), nameKey('E\u0301'));
    assert.notEqual(nameKey('a'), nameKey('ä'));
  });

  for (const [same, ...others] of [
    ['ΟΔΟΣ.txt', 'οδος.txt', 'οδοσ.txt', 'Οδός.txt'.normalize('NFD').replace('\u0301', '')],
    ['STRASSE', 'straße', 'STRAẞE', 'Strasse'],
    ['ﬁle', 'FILE', 'file'],
    ['İ', 'i\u0307', 'I\u0307'],
    ['ᾳ\u0301', '\u1fb4', 'Α\u0345\u0301'],
    ['ꭰ', 'Ꭰ'],
    ['\u212a', 'k', 'K'],
    ['\u212b', 'å', 'A\u030a'],
    ['한글', '한글'.normalize('NFD')],
  ]) {
    test(`${same} is the same name as ${others.join(', ')}`, () => {
      for (const other of others) assert.equal(nameKey(other), nameKey(same as string));
    });
  }

  for (const [one, other] of [
    ['ı', 'i'],
    ['ı', 'İ'],
    ['İ', 'i'],
    ['Ａ', 'a'],
    ['о', 'o'],
    ['σ', 's'],
    ['é', 'e'],
    ['①', '1'],
  ] as const) {
    test(`${one} and ${other} are different names`, () => assert.notEqual(nameKey(one), nameKey(other)));
  }

  test('the composition of a name does not matter, and a key is its own key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        assert.equal(nameKey(name.normalize('NFD')), nameKey(name));
        assert.equal(nameKey(nameKey(name)), nameKey(name));
      }),
    );
  });
});

describe('If-Match', () => {
  test('matches an etag with or without quotes, in a list, and with a star', () => {
    for (const header of ['7', '"7"', ' "7" ', 'W/"7"', '"1", "7"', '*']) assert.ok(matchesEtag(header, 7), header);
  });

  test('does not match another etag', () => {
    for (const header of ['', '6', '"77"', '7a', '"7', '07']) assert.ok(!matchesEtag(header, 7), header);
  });
});
