import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { describe, it, type TestContext } from 'node:test';
import { SpooledBody, SpooledFile } from '../../packages/server/src/storage/spool/spooled-body.ts';
import { collect, randomBytesOfSize } from '../conformance/blob-samples.ts';
import { listDescriptors } from '../support/descriptors.ts';
import { until } from '../support/until.ts';
import { temporaryFolder } from './temporary-folder.ts';

const BUFFER = 256 * 1024;

describe('a spooled body', () => {
  it('is sent completely, in chunks of 256 KiB, and ends the request', async (t) => {
    for (const size of [0, 1, BUFFER, 2 * BUFFER + 5]) {
      const { body, bytes, sent } = await bodyOf(t, size);
      const chunks: Buffer[] = [];
      await finished(body.pipe(collectInto(chunks)));
      assert.ok(Buffer.concat(chunks).equals(bytes));
      assert.equal(chunks.length, Math.ceil(size / BUFFER));
      await until(() => sent.count === chunks.length);
    }
  });

  it('closes its file after it was sent or canceled, and when its request fails', async (t) => {
    const before = listDescriptors(process.pid).length;
    const whole = await bodyOf(t, BUFFER);
    await finished(whole.body.pipe(collectInto([])));
    const givenUp = await bodyOf(t, 3 * BUFFER);
    let taken = 0;
    const silent = new Writable({
      write: () => {
        taken += 1;
      },
    });
    givenUp.body.pipe(silent);
    await until(() => taken === 1);
    givenUp.body.destroy();
    const failed = await bodyOf(t, 3 * BUFFER);
    const broken = new Error('the line was cut');
    const request = new Writable({ write: (_chunk, _encoding, done) => done(broken) });
    request.on('error', () => {});
    const error = new Promise((resolve) => failed.body.once('error', resolve));
    failed.body.pipe(request);
    assert.equal(await error, broken);
    await until(() => listDescriptors(process.pid).length === before);
    assert.equal(silent.writableEnded, false);
    assert.equal(request.writableEnded, false);
  });

  it('sends nothing after it was canceled, and does not end the request, which would look complete', async (t) => {
    const { body } = await bodyOf(t, 5 * BUFFER);
    const chunks: Buffer[] = [];
    const request = new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk);
        if (chunks.length === 2) body.destroy();
        setImmediate(done);
      },
    });
    body.pipe(request);
    await new Promise((resolve) => body.once('close', resolve));
    for (let n = 0; n < 50; n += 1) await new Promise(setImmediate);
    assert.equal(chunks.length, 2);
    assert.equal(request.writableEnded, false);
  });

  it('can be canceled with an error after it was sent, which is then ignored', async (t) => {
    const { body } = await bodyOf(t, 1);
    await finished(body.pipe(collectInto([])));
    body.on('error', () => {});
    body.destroy(new Error('too late'));
    await new Promise((resolve) => body.once('close', resolve));
  });

  it('fails with the error of a file that cannot be opened', async () => {
    const body = new SpooledBody('/nonexistent/0', { onSent() {} });
    const error = new Promise<NodeJS.ErrnoException>((resolve) => body.once('error', resolve));
    body.pipe(collectInto([]));
    assert.equal((await error).code, 'ENOENT');
  });

  it('can only be read by piping it', async (t) => {
    await assert.rejects(collect((await bodyOf(t, 1)).body), /piped/);
  });

  it('releases its space once, however often its file is removed, even if that fails', async (t) => {
    for (const path of [join(await temporaryFolder(t), '0'), '/dev/null/0']) {
      let released = 0;
      const file = new SpooledFile(path, { markCached() {}, release: () => void released++ });
      await Promise.all([file.remove(), file.remove()]);
      await file.remove();
      assert.equal(released, 1);
    }
  });
});

async function bodyOf(t: TestContext, size: number) {
  const bytes = randomBytesOfSize(size);
  const path = join(await temporaryFolder(t), '0');
  await writeFile(path, bytes);
  const sent = { count: 0 };
  const body = new SpooledBody(path, {
    onSent() {
      sent.count += 1;
    },
  });
  return { body, bytes: Buffer.from(bytes), sent };
}

/** Collects the chunks as copies, because the buffers are reused. */
function collectInto(chunks: Buffer[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      setImmediate(done);
    },
  });
}
