import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3Error } from '../../packages/server/src/storage/s3/errors.ts';
import { call, callWithBody, ignoreNotFound } from '../../packages/server/src/storage/s3/retry.ts';
import {
  type SpooledBody,
  SpooledFile,
  type VerifiedFile,
} from '../../packages/server/src/storage/spool/spooled-body.ts';
import { temporaryFolder } from './temporary-folder.ts';

const LIMITS = { timeout: 60_000, idleTimeout: 60_000 };
const temporary = new S3Error('Test', { code: 'SlowDown', status: 503, retryable: true });
const final = new S3Error('Test', { code: 'AccessDenied', status: 403, retryable: false });

describe('a call to S3', () => {
  it('is retried after each temporary error, and returns the first success', async () => {
    const answers: (() => string)[] = [
      () => {
        throw temporary;
      },
      () => {
        throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
      },
      () => 'done',
      () => 'done twice',
    ];
    assert.equal(await call('Test', LIMITS, async () => answers.shift()?.()), 'done');
    assert.equal(answers.length, 1);
  });

  it('is not retried after a permanent error, nor after an error that is not about S3', async () => {
    for (const failure of [final, new TypeError('a mistake of ours')]) {
      let tries = 0;
      const calling = call('Test', LIMITS, async () => {
        tries += 1;
        throw failure;
      });
      await assert.rejects(calling, (error) => error === failure);
      assert.equal(tries, 1);
      // Also if the call fails before it returns a promise.
      const failing = () => {
        throw failure;
      };
      await assert.rejects(call('Test', LIMITS, failing), (error) => error === failure);
    }
  });

  it('pauses longer after each error, and rejects with the last one when its time is over', async () => {
    const failures: S3Error[] = [];
    const times: number[] = [];
    const calling = call('Test', { timeout: 1_000, idleTimeout: 1_000 }, async () => {
      times.push(performance.now());
      failures.push(new S3Error('Test', { code: `SlowDown ${failures.length}`, status: 503, retryable: true }));
      throw failures.at(-1);
    });
    await assert.rejects(calling, (error) => error === failures.at(-1));
    // Pauses of at least 50, 100, 200 and 400 ms leave no time for a sixth try.
    assert.ok(failures.length >= 2 && failures.length <= 5, String(failures.length));
    // A timer may be up to a millisecond early.
    for (let n = 1, least = 50; n < times.length; n += 1, least *= 2) {
      assert.ok((times[n] ?? 0) - (times[n - 1] ?? 0) >= least - 1, String(times));
    }
  });

  it('rejects with the error of an earlier try if its time is over during the last one', async () => {
    let tries = 0;
    const calling = call('Test', { timeout: 1_000, idleTimeout: 60_000 }, () => {
      tries += 1;
      return tries === 1 ? Promise.reject(temporary) : new Promise(() => {});
    });
    await assert.rejects(calling, (error) => error === temporary);
  });

  it('rejects with a timeout if its time is over during its only try, or if the last try stopped before', async () => {
    const timedOut = { name: 'S3Error', code: 'TimeoutError' };
    for (const limits of [
      { timeout: 20, idleTimeout: 60_000 },
      { timeout: 1_000, idleTimeout: 600 },
    ]) {
      await assert.rejects(
        call('Test', limits, () => new Promise(() => {})),
        timedOut,
      );
    }
  });

  it('is not retried if the pause would end after its time limit', async () => {
    let tries = 0;
    const calling = call('Test', { timeout: 40, idleTimeout: 1_000 }, async () => {
      tries += 1;
      throw temporary;
    });
    await assert.rejects(calling, (error) => error === temporary);
    assert.equal(tries, 1);
  });

  it('aborts a try in which nothing happens, even if it ignores the signal, and retries', async () => {
    const signals: AbortSignal[] = [];
    const answer = await call('Test', { timeout: 60_000, idleTimeout: 20 }, ({ abortSignal }) => {
      signals.push(abortSignal);
      return signals.length < 3 ? new Promise<string>(() => {}) : Promise.resolve('the third');
    });
    assert.equal(answer, 'the third');
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, true, false],
    );
  });

  it('aborts the request of a failed try, which would keep its connection otherwise', async () => {
    const signals: AbortSignal[] = [];
    await call('Test', LIMITS, async ({ abortSignal }) => {
      signals.push(abortSignal);
      if (signals.length === 1) throw temporary;
    });
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, false],
    );
  });

  it('does not abort a request with a response, whose body may still be read', async () => {
    let signal: AbortSignal | undefined;
    for (const limits of [
      { timeout: 60_000, idleTimeout: 20 },
      { timeout: 20, idleTimeout: 60_000 },
    ]) {
      await call('Test', limits, async ({ abortSignal }) => {
        signal = abortSignal;
      });
      await sleep(60);
      assert.equal(signal?.aborted, false);
    }
  });

  it('checks after each temporary error whether the call succeeded anyway, and returns that result', async () => {
    let tries = 0;
    const asked: S3Error[] = [];
    const outcome = async (failure: S3Error) => {
      asked.push(failure);
      return asked.length === 2 ? 'done nevertheless' : undefined;
    };
    const answer = await call('Test', { ...LIMITS, outcome }, async (): Promise<string> => {
      tries += 1;
      throw temporary;
    });
    assert.equal(answer, 'done nevertheless');
    assert.equal(tries, 2);
    assert.deepEqual(asked, [temporary, temporary]);

    const calling = call('Test', { ...LIMITS, outcome }, async (): Promise<string> => {
      throw final;
    });
    await assert.rejects(calling, (error) => error === final);
    assert.equal(asked.length, 2);
  });
});

describe('a call to S3 with a body', () => {
  it('can take longer than the idle timeout as long as bytes move', async (t) => {
    let tries = 0;
    const limits = { timeout: 60_000, idleTimeout: 1_000 };
    await callWithBody('Test', limits, await createSpooledFile(t), ({ Body }) => {
      tries += 1;
      return finished(Body.pipe(createSlowRequest(60)));
    });
    assert.equal(tries, 1);
  });

  it('ends when its time is over even if bytes still move', async (t) => {
    const limits = { timeout: 200, idleTimeout: 1_000 };
    const calling = callWithBody('Test', limits, await createSpooledFile(t), ({ Body }) =>
      finished(Body.pipe(createSlowRequest(60))),
    );
    await assert.rejects(calling, { name: 'S3Error', code: 'TimeoutError' });
  });

  it('is protected by the known checksum: its signature covers the SHA-256, or the CRC-32 is sent with it', async (t) => {
    const { file, length } = await createSpooledFile(t);
    const sent: object[] = [];
    for (const checksum of [{ sha256: 'ab' }, { crc32: 'cd' }]) {
      await callWithBody('Test', LIMITS, { file, length, checksum }, async ({ Body, ...input }) => {
        sent.push({ ...input, sha256: Body.sha256 });
      });
    }
    assert.deepEqual(sent, [
      { ContentLength: length, sha256: 'ab' },
      { ContentLength: length, ChecksumCRC32: 'cd', sha256: undefined },
    ]);
  });

  it('closes the spooled file after each try', async (t) => {
    const { file, ...spooledFile } = await createSpooledFile(t);
    const bodies: SpooledBody[] = [];
    await callWithBody('Test', LIMITS, { file, ...spooledFile }, async ({ Body }) => {
      bodies.push(Body);
      if (bodies.length === 1) throw temporary;
    });
    assert.deepEqual(
      bodies.map(({ destroyed }) => destroyed),
      [true, true],
    );
  });

  it('fails with the error of a spooled file that cannot be read, without waiting for S3', async (t) => {
    const body = await createSpooledFile(t);
    await rm(body.file.path);
    const calling = callWithBody('Test', LIMITS, body, ({ Body }) => {
      Body.pipe(createSlowRequest(0));
      return new Promise(() => {});
    });
    await assert.rejects(calling, { code: 'ENOENT' });
  });
});

describe('a response that something does not exist', () => {
  it('is no error for a call that allows it, and every other error is one', async () => {
    for (const code of ['NoSuchUpload', 'NoSuchKey', 'NotFound']) {
      const missing = new S3Error('Test', { code, status: 404, retryable: false });
      assert.equal(await ignoreNotFound(Promise.reject(missing)), undefined);
    }
    await assert.rejects(ignoreNotFound(Promise.reject(final)), (error) => error === final);
    assert.equal(await ignoreNotFound(Promise.resolve('there')), 'there');
  });
});

/** A spooled file that is sent in twenty buffers. */
async function createSpooledFile(t: TestContext): Promise<VerifiedFile> {
  const path = join(await temporaryFolder(t), '0');
  const length = 5_000_000;
  await writeFile(path, Buffer.alloc(length));
  return { file: new SpooledFile(path, { markCached() {}, release() {} }), length, checksum: { crc32: '' } };
}

/** Takes this many milliseconds for each buffer. */
function createSlowRequest(millis: number): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => void setTimeout(done, millis) });
}
