import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { ByteBudget } from '../../packages/server/src/storage/byte-budget.ts';
import { type OpenedS3Store, openS3Store } from '../../packages/server/src/storage/s3/open-s3-store.ts';
import { Spool } from '../../packages/server/src/storage/spool/spool.ts';
import { type S3Fault, type S3Proxy, startS3Proxy } from '../s3/s3-proxy.ts';
import { until } from '../support/until.ts';
import { xml } from './fake-s3.ts';
import { temporaryFolder } from './temporary-folder.ts';

const LISTED: S3Fault = xml('ListObjectsV2', '<ListBucketResult/>');
const REJECTED: S3Fault = { operation: 'ListObjectsV2', sendError: { status: 403, code: 'AccessDenied' } };

describe('opening a store on S3', () => {
  it('sends one small request, and reports why it cannot be used and what to do', async (t) => {
    for (const [prefix, where] of [
      ['p', 's3://bucket/p'],
      ['', 's3://bucket'],
    ] as const) {
      const { proxy, opening } = await open(t, [{ ...REJECTED, having: 'max-keys=1&' }], prefix);
      const place = `${where} at ${proxy.url}.`;
      await assert.rejects(opening, (error: Error) => {
        assert.ok(error.message.includes(place), error.message);
        assert.match(error.message, /AccessDenied, 403.*docs\/operate\/s3.md/);
        return true;
      });
      assert.deepEqual(proxy.calls, ['ListObjectsV2']);
    }
  });

  it('closes its connection if the store cannot be used', async (t) => {
    const server = createServer((_request, response) => response.writeHead(403).end());
    // A server that closes idle connections would hide one that the client has left open.
    server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const place = { bucket: 'bucket', prefix: '', endpoint: `http://127.0.0.1:${port}`, pathStyle: true };
    await assert.rejects(openS3Store(place, await spoolIn(t)), /403/);
    const countConnections = promisify(server.getConnections.bind(server));
    await until(async () => (await countConnections()) === 0);
  });

  it('fails with any error that is not about S3 unchanged', async (t) => {
    const spool = await spoolIn(t);
    const place = { bucket: 'bucket', prefix: '', endpoint: 'no address', pathStyle: true };
    await assert.rejects(openS3Store(place, spool), { name: 'TypeError' });
  });

  it('asks S3 again for its health five seconds after a success, and half a second after a failure', async (t) => {
    let now = 1_000;
    t.mock.method(performance, 'now', () => now);
    const { proxy, opening } = await open(t, [LISTED]);
    const { ready } = await opening;
    proxy.calls.length = 0;
    proxy.faults.push(LISTED, REJECTED, LISTED);
    await ready();
    now += 4_999;
    await ready();
    assert.equal(proxy.calls.length, 1);
    now += 1;
    await assert.rejects(ready(), /AccessDenied/);
    assert.equal(proxy.calls.length, 2);
    now += 499;
    await assert.rejects(ready(), /AccessDenied/);
    assert.equal(proxy.calls.length, 2);
    now += 1;
    await ready();
    assert.equal(proxy.calls.length, 3);
  });

  it('shares one request while S3 has not responded', async (t) => {
    const { proxy, opening } = await open(t, [LISTED]);
    const { ready } = await opening;
    const { promise, resolve } = Promise.withResolvers<void>();
    proxy.faults.push({ ...LISTED, until: promise });
    const asking = [ready(), ready()];
    resolve();
    await Promise.all(asking);
    assert.equal(proxy.calls.length, 2);
  });
});

describe('the ownership marker on S3', () => {
  it('is what was written, or undefined if there is none', async (t) => {
    const { proxy, opening } = await open(t, [LISTED]);
    const { marker } = await opening;
    assert.equal(marker.place, 's3://bucket/p/database-id');
    proxy.faults.push({ operation: 'GetObject', sendError: { status: 404, code: 'NoSuchKey' } });
    assert.equal(await marker.read(), undefined);
    proxy.faults.push(
      { operation: 'PutObject', serve: Buffer.alloc(0) },
      { operation: 'GetObject', serve: Buffer.from('mine\n'), times: 2 },
    );
    await marker.write('mine');
    assert.equal(await marker.read(), 'mine');
  });

  it('does not count as written if another server has overwritten it', async (t) => {
    const { proxy, opening } = await open(t, [LISTED]);
    proxy.faults.push(
      { operation: 'PutObject', serve: Buffer.alloc(0) },
      { operation: 'GetObject', serve: Buffer.from('theirs\n') },
    );
    await assert.rejects((await opening).marker.write('mine'), /s3:\/\/bucket\/p\/database-id/);
  });
});

async function open(
  t: TestContext,
  answers: readonly S3Fault[],
  prefix = 'p',
): Promise<{ proxy: S3Proxy; opening: Promise<OpenedS3Store> }> {
  const proxy = await startS3Proxy();
  proxy.faults.push(...answers.map((answer) => ({ ...answer })));
  t.after(() => proxy[Symbol.asyncDispose]());
  const place = { bucket: 'bucket', prefix, endpoint: proxy.url, pathStyle: true };
  const opening = openS3Store(place, await spoolIn(t));
  opening.then(
    ({ close }) => t.after(close),
    () => {},
  );
  return { proxy, opening };
}

async function spoolIn(t: TestContext): Promise<Spool> {
  return Spool.open({ folder: join(await temporaryFolder(t), 'spool'), size: 2 ** 20, budget: new ByteBudget() });
}
