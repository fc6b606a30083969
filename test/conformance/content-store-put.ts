import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { bodyOf, brokenBody, bytesOfSize, collect, newContentId } from './content-samples.ts';
import type { StoreUnderTest } from './content-store.ts';

type Behaves = (sentence: string, body: (under: StoreUnderTest) => Promise<void>) => void;

/** The part of `contentStoreBehaves` that is about contents which come in one piece. */
export function puttingBehaves(behaves: Behaves, partSize: number): void {
  describe('putting', () => {
    behaves('a body of any length becomes a sealed content that outlives a restart', async (under) => {
      for (const size of [0, 1, partSize, 3 * partSize + 17]) {
        const content = newContentId();
        const bytes = bytesOfSize(size);

        await under.store.put(content, bodyOf(bytes, { index: 0, offset: 0, length: size }));

        const store = await under.restart();
        const [listed] = (await collect(store.list())).filter((stored) => stored.content === content);
        assert.equal(listed?.kind, 'sealed');
        assert.deepEqual(new Uint8Array(Buffer.concat(await collect(await store.open(content)))), bytes);
      }
    });

    behaves('a body that breaks off leaves nothing', async ({ store }) => {
      const content = newContentId();
      const broken = new Error('the line was cut');

      await assert.rejects(
        store.put(content, brokenBody(bytesOfSize(partSize + 1), broken)),
        (error) => error === broken,
      );

      assert.deepEqual(await collect(store.list()), []);
      await assert.rejects(store.open(content));
    });

    behaves('what was put is removed by its id', async ({ store }) => {
      const content = newContentId();
      await store.put(content, bodyOf(bytesOfSize(10), { index: 0, offset: 0, length: 10 }));

      await store.remove(content);

      assert.deepEqual(await collect(store.list()), []);
    });
  });
}
