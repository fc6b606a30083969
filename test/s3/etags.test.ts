import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type {
  CompleteMultipartUploadCommandInput,
  ListPartsCommandOutput,
  S3Client,
  UploadPartCommandInput,
  UploadPartCommandOutput,
} from '@aws-sdk/client-s3';
import type { BlobStore, PartRange } from '../../packages/server/src/storage/blob-store.ts';
import { ByteBudget } from '../../packages/server/src/storage/byte-budget.ts';
import { openS3Client } from '../../packages/server/src/storage/s3/client.ts';
import { S3Keys } from '../../packages/server/src/storage/s3/keys.ts';
import { S3_LIMITS } from '../../packages/server/src/storage/s3/retry.ts';
import { S3Store } from '../../packages/server/src/storage/s3/s3-store.ts';
import { Spool } from '../../packages/server/src/storage/spool/spool.ts';
import { partRanges, streamPart } from '../conformance/blob-samples.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';
import { newLocation, whyNoS3 } from './test-store.ts';
import { createStaged, readAll, type Upload, writeAll } from './uploads.ts';

/** Like an encrypting store (SSE-KMS, or an S3-compatible one); Ceph behind it uses the MD5. */
describe('a store whose ETags are independent of the bytes', { skip: whyNoS3 ?? false, timeout: 60_000 }, () => {
  it('makes a file of parts with the latest tags, also if a part was written twice', async (t) => {
    const store = await openStoreWith(t, createOpaqueEtags());
    const upload = await createStaged(store);
    const receipts = await writeAll(store, upload);
    const again = await write(store, upload, 1);
    assert.notEqual(again, receipts[1]);
    receipts[1] = again;
    await store.complete(upload.staged, receipts);
    assert.deepEqual(await readAll(store, upload), upload.bytes);
  });

  it('detects a part whose bytes were overwritten as lost; when it is sent again, the upload is completed', async (t) => {
    const store = await openStoreWith(t, createOpaqueEtags());
    const upload = await createStaged(store);
    const receipts = await writeAll(store, upload);
    await write(store, upload, 1);
    await assert.rejects(store.complete(upload.staged, receipts), { name: 'LostPartsError', parts: [1] });
    receipts[1] = await write(store, upload, 1);
    await store.complete(upload.staged, receipts);
    assert.deepEqual(await readAll(store, upload), upload.bytes);
  });

  it('can list other ETags than it returned: they are only listed if a part is lost, and the upload succeeds anyway', async (t) => {
    const store = await openStoreWith(t, { ...createOpaqueEtags(), listed: () => newEtag() });
    const upload = await createStaged(store);
    await store.complete(upload.staged, await writeAll(store, upload));
    assert.deepEqual(await readAll(store, upload), upload.bytes);

    const other = await createStaged(store);
    const receipts = await writeAll(store, other);
    await write(store, other, 1);
    // The lost one cannot be identified, so all have to be sent again.
    await assert.rejects(store.complete(other.staged, receipts), { name: 'LostPartsError', parts: [0, 1, 2, 3] });
    await store.complete(other.staged, await writeAll(store, other));
    assert.deepEqual(await readAll(store, other), other.bytes);
  });
});

/** A store's ETags, instead of Ceph's. */
interface Etags {
  /** By upload and part: the one shown, and Ceph's. */
  known: Map<string, { shown: string; real: string }>;
  listed: (shown: string) => string;
}

function createOpaqueEtags(): Etags {
  return { known: new Map(), listed: (shown) => shown };
}

function newEtag(): string {
  return `"${randomBytes(16).toString('hex')}"`;
}

async function openStoreWith(t: TestContext, etags: Etags): Promise<BlobStore> {
  const place = newLocation();
  const client = await openS3Client(place);
  t.after(() => client.destroy());
  replaceEtags(client, etags);
  const folder = join(await temporaryFolder(t), 'spool');
  const spool = await Spool.open({ folder, size: 2 ** 28, budget: new ByteBudget() });
  const bucket = { client, name: place.bucket, limits: S3_LIMITS };
  return new S3Store({ bucket, keys: new S3Keys(place.prefix), spool, encrypted: false });
}

function replaceEtags(client: S3Client, { known, listed }: Etags): void {
  const keyOf = (upload: string | undefined, part: number | undefined) => `${upload} ${part}`;
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName === 'CompleteMultipartUploadCommand') {
          const input = args.input as CompleteMultipartUploadCommandInput;
          for (const part of input.MultipartUpload?.Parts ?? []) {
            const etag = known.get(keyOf(input.UploadId, part.PartNumber));
            if (etag?.shown.replaceAll('"', '') === part.ETag) part.ETag = etag?.real;
          }
        }
        const answer = await next(args);
        if (commandName === 'UploadPartCommand') {
          const [input, output] = [args.input as UploadPartCommandInput, answer.output as UploadPartCommandOutput];
          const etag = { shown: newEtag(), real: output.ETag ?? '' };
          known.set(keyOf(input.UploadId, input.PartNumber), etag);
          output.ETag = etag.shown;
        }
        if (commandName === 'ListPartsCommand') {
          const output = answer.output as ListPartsCommandOutput;
          for (const part of output.Parts ?? []) {
            part.ETag = listed(known.get(keyOf(output.UploadId, part.PartNumber))?.shown ?? '');
          }
        }
        return answer;
      },
    { step: 'initialize', name: 'replaceEtags' },
  );
}

function write(store: BlobStore, { staged, bytes }: Upload, index: number): Promise<string> {
  const range = partRanges(staged.layout)[index] as PartRange;
  return store.writePart(staged, range, streamPart(bytes, range));
}
