import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SourceIdentity } from '../../packages/client/src/state.ts';
import { createAttributes } from '../../packages/client/src/upload/content-attributes.ts';
import type { UploadSource } from '../../packages/client/src/upload/source.ts';
import type { UploadEvent, UploadOptions } from '../../packages/client/src/upload-options.ts';

/** The attributes of an upload, and the events that it emits. */
function attributesOf(options: UploadOptions, modifiedAt?: number) {
  const events: UploadEvent[] = [];
  const identity: SourceIdentity = {
    kind: 'path',
    name: 'a.txt',
    size: 1,
    ...(modifiedAt !== undefined && { modifiedAt }),
  };
  const source = { identity } as UploadSource;
  return { attributes: createAttributes({ options, source, emit: (event) => events.push(event) }), events };
}

const first = Date.parse('0001-01-01T00:00:00Z');
const last = Date.parse('9999-12-31T23:59:59Z');

test('an upload without dates and description has no attributes', () => {
  assert.deepEqual(attributesOf({}), { attributes: {}, events: [] });
});

test('dates and description are sent, and dates without their fractions', () => {
  const { attributes, events } = attributesOf({
    contentCreatedAt: new Date('2026-11-22T15:00:00.999Z'),
    contentModifiedAt: new Date('2026-11-23T16:00:00.001Z'),
    description: 'Summary',
  });
  assert.deepEqual(attributes, {
    content_created_at: '2026-11-22T15:00:00Z',
    content_modified_at: '2026-11-23T16:00:00Z',
    description: 'Summary',
  });
  assert.deepEqual(events, []);
});

test('the modification time is that of the source if the caller gives none', () => {
  const at = Date.parse('2026-11-22T15:00:00Z');
  assert.deepEqual(attributesOf({}, at).attributes, { content_modified_at: '2026-11-22T15:00:00Z' });
  const contentModifiedAt = new Date('2020-01-01T00:00:00Z');
  assert.deepEqual(attributesOf({ contentModifiedAt }, at).attributes, { content_modified_at: '2020-01-01T00:00:00Z' });
});

test('a modification time that servers refuse is left out, with an event', () => {
  for (const at of [first - 1_000, last + 1_000, Number.NaN]) {
    const { attributes, events } = attributesOf({}, at);
    assert.deepEqual(attributes, {});
    assert.deepEqual(
      events.map(({ type }) => type),
      ['date-left-out'],
    );
  }
  for (const at of [first, last]) assert.equal(attributesOf({}, at).events.length, 0);
});

test('a modification time of the caller replaces one that servers refuse, without an event', () => {
  const { attributes, events } = attributesOf({ contentModifiedAt: new Date(0) }, last + 1_000);
  assert.deepEqual(attributes, { content_modified_at: '1970-01-01T00:00:00Z' });
  assert.deepEqual(events, []);
});

test('a date of the caller that servers refuse is an error', () => {
  for (const option of ['contentCreatedAt', 'contentModifiedAt']) {
    for (const at of [first - 1_000, last + 1_000, Number.NaN]) {
      assert.throws(() => attributesOf({ [option]: new Date(at) }), new RegExp(`^TypeError: ${option} must be`));
    }
    attributesOf({ [option]: new Date(first) });
    attributesOf({ [option]: new Date(last) });
  }
});

test('a description has at most 256 characters, and can be empty', () => {
  for (const description of ['', 'a'.repeat(256), '💾'.repeat(256)]) {
    assert.deepEqual(attributesOf({ description }).attributes, { description });
  }
  assert.throws(() => attributesOf({ description: 'a'.repeat(257) }), /^TypeError: The description must have at most/);
});

test('a description that a database cannot store is an error', () => {
  for (const description of ['\u0000', 'a\ud800']) {
    assert.throws(() => attributesOf({ description }), /^TypeError: The description must not contain/);
  }
});
