import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InFlightBlobs } from '../../packages/server/src/storage/in-flight.ts';
import { newContentId } from '../conformance/content-samples.ts';

test('a blob is in flight from the moment it is tracked until that is disposed of', () => {
  const inFlight = new InFlightBlobs();
  const [one, other] = [newContentId(), newContentId()];
  {
    using _tracked = inFlight.track(one);
    assert.ok(inFlight.has(one));
    assert.ok(!inFlight.has(other));
  }
  assert.ok(!inFlight.has(one));
});
