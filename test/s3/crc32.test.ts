import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { Slot } from '../../packages/server/src/storage/blob-store.ts';
import { bodyOf, slotsOf } from '../conformance/content-samples.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';
import { makeCertificates } from '../support/tls.ts';
import { startS3Proxy } from './s3-proxy.ts';
import { freshPlace, openTestStore, timeFor, whyNoS3 } from './test-store.ts';
import { begin, PART, readAll, writeAll } from './uploads.ts';

/** Ceph 16 knows of no CRC-32, and passes over all that is said of one; the proxy in front of it keeps it in its stead. */
describe('over TLS, with a store that keeps a CRC-32 of each part', {
  skip: whyNoS3 ?? false,
  timeout: timeFor(60_000),
}, () => {
  it('an upload is begun with it, and each part is proven by it', async (t) => {
    const tls = await makeCertificates(await temporaryFolder(t));
    setDefaultCACertificates([...getCACertificates(), await readFile(tls.ca, 'utf8')]);
    await using proxy = await startS3Proxy({ tls, keepsCrc32: true });
    const store = await openTestStore({ place: freshPlace(proxy.url) });
    t.after(() => store.end());
    const upload = await begin(store.content);
    assert.match(upload.staging.driver ?? '', /^crc32 \S+$/);
    // Changed on its way, which only the CRC-32 can tell.
    proxy.faults.push({ operation: 'UploadPart', flipByte: PART / 2 });
    const receipts = await writeAll(store.content, upload);
    for (const receipt of receipts) assert.match(receipt, /^\S+ [A-Za-z0-9+/]{6}==$/);
    assert.equal(proxy.calls.filter((call) => call === 'UploadPart').length, 5);
    await store.content.seal(upload.staging, receipts);
    assert.deepEqual(await readAll(store.content, upload), upload.bytes);
  });

  it('and with one that does not know it the body is signed, as it is in the clear', async (t) => {
    const tls = await makeCertificates(await temporaryFolder(t));
    setDefaultCACertificates([...getCACertificates(), await readFile(tls.ca, 'utf8')]);
    await using proxy = await startS3Proxy({ tls });
    const store = await openTestStore({ place: freshPlace(proxy.url) });
    t.after(() => store.end());
    const upload = await begin(store.content);
    if (upload.staging.driver?.startsWith('crc32 ')) return t.skip('this store knows it by itself');
    assert.match(upload.staging.driver ?? '', /^\S+$/);
    proxy.faults.push({ operation: 'UploadPart', flipByte: PART / 2 });
    const slot = slotsOf(upload.staging.grid)[0] as Slot;
    assert.match(await store.content.write(upload.staging, slot, bodyOf(upload.bytes, slot)), /^\S+$/);
    assert.equal(proxy.calls.filter((call) => call === 'UploadPart').length, 2);
  });

  it('and one that refuses to hear of it is asked once, and not again', async (t) => {
    const tls = await makeCertificates(await temporaryFolder(t));
    setDefaultCACertificates([...getCACertificates(), await readFile(tls.ca, 'utf8')]);
    await using proxy = await startS3Proxy({ tls });
    const store = await openTestStore({ place: freshPlace(proxy.url) });
    t.after(() => store.end());
    proxy.faults.push({ operation: 'CreateMultipartUpload', answer: { status: 501, code: 'NotImplemented' } });
    await begin(store.content);
    await begin(store.content);
    assert.equal(proxy.calls.filter((call) => call === 'CreateMultipartUpload').length, 3);
  });
});
