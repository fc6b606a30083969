/** Measures one upload by the S3 driver alone, without a server or a client: `node bench/s3/driver.ts SIZE PART_SIZE`. */
import type { PartRange, PartTag } from '../../packages/server/src/storage/blob-store.ts';
import { partLayout, partRanges, randomBlobId } from '../../test/conformance/blob-samples.ts';
import { openTestStore } from '../../test/s3/test-store.ts';
import { BenchBody } from '../body.ts';

const CHUNK_BYTES = 64 * 1024;

const [size = 0, partSize = 0] = process.argv.slice(2).map(Number);
const store = await openTestStore({ spoolSize: 4 * 2 ** 30 });
const { blobs } = store;
const source = new BenchBody(partSize);
const staged = await blobs.create(randomBlobId(), partLayout(size, partSize));
const receipts: PartTag[] = [];
const left = partRanges(staged.layout);
const cpuBefore = process.cpuUsage();
const begun = performance.now();
await Promise.all([1, 2, 3, 4].map(sendParts));
await blobs.complete(staged, receipts);
const seconds = (performance.now() - begun) / 1000;
const cpu = process.cpuUsage(cpuBefore);
await blobs.remove(staged);
store.end();
console.log(JSON.stringify({ seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6 }));

async function sendParts(): Promise<void> {
  for (let slot = left.shift(); slot !== undefined; slot = left.shift()) {
    receipts[slot.index] = await blobs.writePart(staged, slot, bodyOf(slot));
    // As the whole-file hasher does.
    await blobs.dropLocalPart(staged, slot);
  }
}

/** Yields chunks like a socket: each has its own memory, which the store frees. */
async function* bodyOf({ offset, length }: PartRange): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < length; at += CHUNK_BYTES) {
    yield new Uint8Array(source.bytes(offset + at, Math.min(CHUNK_BYTES, length - at)));
  }
}
