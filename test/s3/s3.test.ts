import { describe } from 'node:test';
import { blobStoreBehaves } from '../conformance/blob-store.ts';
import { newLocation, openTestStore, whyNoS3 } from './test-store.ts';
import { PART } from './uploads.ts';

describe('a store on S3', { skip: whyNoS3 ?? false }, () => {
  blobStoreBehaves(
    'the S3 store',
    async () => {
      const place = newLocation();
      const first = await openTestStore({ place });
      const opened = [first];
      return {
        store: first.blobs,
        async restart() {
          const again = await openTestStore({ place });
          opened.push(again);
          return again.blobs;
        },
        async close() {
          for (const store of opened) store.end();
        },
      };
    },
    { partSize: PART },
  );
});
