import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InFlightBlobs } from '../../packages/server/src/storage/in-flight.ts';
import { randomBlobId } from '../conformance/blob-samples.ts';

test('a blob is in flight from when it is tracked until that is disposed of', () => {
  const inFlight = new InFlightBlobs();
  const [one, other] = [randomBlobId(), randomBlobId()];
  {
    using _tracked = inFlight.track(one);
    assert.ok(inFlight.has(one));
    assert.ok(!inFlight.has(other));
  }
  assert.ok(!inFlight.has(one));
});
