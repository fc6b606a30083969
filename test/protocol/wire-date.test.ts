import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseWireDate, wireDate } from '../../packages/protocol/src/dates.ts';

test('a time outside the years 1 to 9999 is rendered as the nearest second that every client can parse', () => {
  for (const at of [-8.64e15, Date.parse('0000-12-31T22:00:00Z'), Date.parse('0001-01-01T00:00:00Z') - 1]) {
    assert.equal(wireDate(at), '0001-01-01T00:00:00Z');
  }
  for (const at of [8.64e15, Date.parse('+010000-01-01T07:59:59Z'), Number.MAX_SAFE_INTEGER]) {
    assert.equal(wireDate(at), '9999-12-31T23:59:59Z');
  }
});

test('a parsed date is rendered so that it is parsed as the same date', () => {
  const two = (most: number) => fc.integer({ min: 0, max: most }).map((value) => String(value).padStart(2, '0'));
  const date = fc
    .tuple(fc.integer({ min: 0, max: 9999 }), two(13), two(32), two(25), two(61), two(61), two(25), two(61))
    .map(([year, ...rest]) => {
      const [month, day, hour, minute, second, offsetHours, offsetMinutes] = rest;
      return `${String(year).padStart(4, '0')}-${month}-${day}T${hour}:${minute}:${second}-${offsetHours}:${offsetMinutes}`;
    });
  fc.assert(
    fc.property(date, (text) => {
      const at = parseWireDate(text);
      if (typeof at !== 'number') return;
      const shown = wireDate(at);
      assert.match(shown, /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.equal(parseWireDate(shown), at);
      assert.equal(new Date(text).getTime(), at);
    }),
  );
});
