import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PendingHashes } from '../../packages/client/src/upload/pending-hashes.ts';

test('each job of a hash worker gets its own reply once, in any order, and a lost worker fails the rest', async () => {
  const replies = fc.array(fc.record({ fails: fc.boolean(), isLost: fc.boolean() })).chain((jobs) =>
    fc.record({
      jobs: fc.constant(jobs),
      order: fc.shuffledSubarray([...jobs.keys()], { minLength: jobs.length }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(replies, async ({ jobs, order }) => {
      const pending = new PendingHashes();
      const ids: number[] = [];
      const results = Promise.allSettled(jobs.map(() => pending.request((id) => ids.push(id))));
      assert.equal(new Set(ids).size, jobs.length);
      for (const index of order) {
        const [job, id = 0] = [jobs[index], ids[index]];
        if (job?.isLost) continue;
        pending.settle(id, job?.fails ? { error: new Error(`failed ${index}`) } : { sha1: `sha1 ${index}` });
        pending.settle(id, { sha1: 'a second reply' });
      }
      pending.fail(new Error('lost'));
      pending.settle(-1, { sha1: 'of no job' });
      await assert.rejects(
        pending.request(() => assert.fail('a job was sent to a lost worker')),
        /^Error: lost$/,
      );
      assert.deepEqual(
        (await results).map((result) => (result.status === 'fulfilled' ? result.value : result.reason.message)),
        jobs.map(({ fails, isLost }, index) => (isLost ? 'lost' : fails ? `failed ${index}` : `sha1 ${index}`)),
      );
    }),
  );
});

test('a job that cannot be sent fails', async () => {
  const pending = new PendingHashes();
  const send = () => {
    throw new Error('not cloneable');
  };
  await assert.rejects(pending.request(send), /not cloneable/);
});
