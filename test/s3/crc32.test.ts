import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { PartRange } from '../../packages/server/src/storage/blob-store.ts';
import { partRanges, streamPart } from '../conformance/blob-samples.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';
import { createCertificates } from '../support/tls.ts';
import { startS3Proxy } from './s3-proxy.ts';
import { newLocation, openTestStore, timeFor, whyNoS3 } from './test-store.ts';
import { createStaged, PART, readAll, writeAll } from './uploads.ts';

/** Ceph 16 has no CRC-32 and ignores everything about it; the proxy in front of it stores it instead. */
describe('over TLS, with a store that stores a CRC-32 of each part', {
  skip: whyNoS3 ?? false,
  timeout: timeFor(60_000),
}, () => {
  it('an upload is created with it, and each part is verified by it', async (t) => {
    const tls = await createCertificates(await temporaryFolder(t));
    setDefaultCACertificates([...getCACertificates(), await readFile(tls.ca, 'utf8')]);
    await using proxy = await startS3Proxy({ tls, keepsCrc32: true });
    const store = await openTestStore({ place: newLocation(proxy.url) });
    t.after(() => store.end());
    const upload = await createStaged(store.blobs);
    assert.match(upload.staged.backendState ?? '', /^crc32 \S+$/);
    // Changed in transit, which only the CRC-32 can detect.
    proxy.faults.push({ operation: 'UploadPart', flipByte: PART / 2 });
    const receipts = await writeAll(store.blobs, upload);
    for (const receipt of receipts) assert.match(receipt, /^\S+ [A-Za-z0-9+/]{6}==$/);
    assert.equal(proxy.calls.filter((call) => call === 'UploadPart').length, 5);
    await store.blobs.complete(upload.staged, receipts);
    assert.deepEqual(await readAll(store.blobs, upload), upload.bytes);
  });

  it('with a store without it, the body is signed, as over plain HTTP', async (t) => {
    const tls = await createCertificates(await temporaryFolder(t));
    setDefaultCACertificates([...getCACertificates(), await readFile(tls.ca, 'utf8')]);
    await using proxy = await startS3Proxy({ tls });
    const store = await openTestStore({ place: newLocation(proxy.url) });
    t.after(() => store.end());
    const upload = await createStaged(store.blobs);
    if (upload.staged.backendState?.startsWith('crc32 ')) return t.skip('this store knows it by itself');
    assert.match(upload.staged.backendState ?? '', /^\S+$/);
    proxy.faults.push({ operation: 'UploadPart', flipByte: PART / 2 });
    const range = partRanges(upload.staged.layout)[0] as PartRange;
    assert.match(await store.blobs.writePart(upload.staged, range, streamPart(upload.bytes, range)), /^\S+$/);
    assert.equal(proxy.calls.filter((call) => call === 'UploadPart').length, 2);
  });

  it('a store that rejects it is asked once, and not again', async (t) => {
    const tls = await createCertificates(await temporaryFolder(t));
    setDefaultCACertificates([...getCACertificates(), await readFile(tls.ca, 'utf8')]);
    await using proxy = await startS3Proxy({ tls });
    const store = await openTestStore({ place: newLocation(proxy.url) });
    t.after(() => store.end());
    proxy.faults.push({ operation: 'CreateMultipartUpload', sendError: { status: 501, code: 'NotImplemented' } });
    await createStaged(store.blobs);
    await createStaged(store.blobs);
    assert.equal(proxy.calls.filter((call) => call === 'CreateMultipartUpload').length, 3);
  });
});
