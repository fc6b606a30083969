import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserContext, Page } from 'playwright-core';
import type { UploadEvent } from '../../packages/client/src/node/index.ts';
import { sha1OnServer, startSmallPartsServer, temporaryFolder } from '../client/client-fixture.ts';
import { createFile, seededBytes, sha1Hex } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { browserSkipReason, openBrowser } from './browser.ts';
import { type PageServer, startPageServer } from './page-server.ts';

const LARGE = 200_000_000;

/** What `page/page.ts` stores in its window. */
interface PageState {
  events: UploadEvent[];
  progress?: { bytesStored: number; bytesDone: number; bytesTotal: number };
  result?: { fileId: string; sha1: string; bytesResumed: number; bytesSent: number };
  error?: string;
  longestBlock: number;
}

describe('the client in a browser', { skip: browserSkipReason }, () => {
  let browser: BrowserContext & AsyncDisposable;
  let pages: PageServer;
  let server: TestServer;
  let folder: string;

  before(async () => {
    [browser, pages, server, folder] = await Promise.all([
      openBrowser(),
      startPageServer(),
      startServer({ env: { PARTWAY_SHUTDOWN_GRACE: '0s' } }),
      temporaryFolder(),
    ]);
  });
  after(async () => {
    await browser?.close();
    await pages?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const evaluate = <T>(page: Page, expression: string) => page.evaluate<T>(expression);
  const readState = (page: Page) => evaluate<PageState>(page, 'window.told');

  /** Opens the page, selects the file and starts the upload. */
  async function begin(page: Page, path: string, settings: object, chosen = async () => {}): Promise<void> {
    await page.locator('#file').setInputFiles(path);
    await chosen();
    await evaluate(page, `window.begin(${JSON.stringify({ server: server.url, token: server.token, ...settings })})`);
  }

  /**
   * The page's state when the condition is true. Polled, because a page with a strict policy allows no waiting inside
   * it.
   */
  async function waitForState(page: Page, isSo: (readState: PageState) => boolean): Promise<PageState> {
    for (const end = Date.now() + 120_000; Date.now() < end; await sleep(5)) {
      const now = await readState(page);
      if (isSo(now)) return now;
    }
    throw new Error(`The page did not reach this state: ${JSON.stringify((await readState(page)).events)}`);
  }

  async function result(page: Page): Promise<PageState & { result: NonNullable<PageState['result']> }> {
    const all = await waitForState(page, ({ result, error }) => (result ?? error) !== undefined);
    assert.equal(all.error, undefined);
    assert.ok(all.result);
    return { ...all, result: all.result };
  }

  for (const store of [undefined, 'localStorage'] as const) {
    test(`a 200 MB upload resumes with ${store ?? 'IndexedDB'} after the page is reloaded halfway, and arrives unchanged`, async () => {
      const path = join(folder, 'large.bin');
      const sha1 = await createFile(path, LARGE, 'browser');
      const page = await browser.newPage();
      await page.goto(pages.url);
      const settings = { name: `large by ${store}.bin`, ...(store && { store }) };
      await begin(page, path, settings);
      const half = await waitForState(page, ({ progress }) => (progress?.bytesStored ?? 0) > LARGE / 2);
      assert.equal(half.result, undefined, 'the upload was complete before the reload');

      await page.reload();
      await begin(page, path, settings);
      const { result: made, events, longestBlock } = await result(page);
      assert.equal(made.sha1, sha1);
      assert.equal(await sha1OnServer(server, made.fileId), sha1);
      assert.ok(made.bytesResumed > LARGE / 2, String(made.bytesResumed));
      assert.equal(made.bytesResumed + made.bytesSent, LARGE);
      assert.equal(events[0]?.type, 'resumed');
      assert.equal(await evaluate(page, 'window.states()'), 0);
      // A worker does the hashing, and the page stays responsive. A generous limit, for a busy machine.
      assert.ok(longestBlock < 2_000, `the page was blocked for ${longestBlock} ms`);
      await page.close();
    });
  }

  test('a page whose content security policy forbids workers hashes on its own', async () => {
    await using small = await startSmallPartsServer();
    const bytes = seededBytes(700_000, 'strict');
    const path = join(folder, 'strict.bin');
    await writeFile(path, bytes);
    const page = await browser.newPage();
    await page.goto(`${pages.url}/strict`);
    await begin(page, path, { server: small.url, token: small.token, name: 'strict.bin', sessionFrom: 1 });
    const { result: made } = await result(page);
    assert.equal(await sha1OnServer(small, made.fileId), sha1Hex(bytes));
    await page.close();
  });

  test('a file that was changed after it was selected has to be selected again, and the page reports that', async () => {
    await using small = await startSmallPartsServer();
    const path = join(folder, 'changed.bin');
    await writeFile(path, seededBytes(700_000, 'changed'));
    const page = await browser.newPage();
    await page.goto(pages.url);
    const settings = { server: small.url, token: small.token, name: 'changed.bin', sessionFrom: 1 };
    await begin(page, path, settings, () => writeFile(path, 'other bytes'));
    const { error } = await waitForState(page, ({ result, error }) => (result ?? error) !== undefined);
    assert.match(error ?? '', /^SourceChangedError: changed\.bin was changed or removed .* Choose it again\.$/);
    await page.close();
  });

  test('a stream is uploaded in parts, a small file in one request; an error has its code, and a download the bytes', async () => {
    await using small = await startSmallPartsServer();
    const { url, token } = small;
    const bytes = seededBytes(700_000, 'stream');
    const path = join(folder, 'stream.bin');
    await writeFile(path, bytes);
    const page = await browser.newPage();
    await page.goto(pages.url);
    await begin(page, path, { server: url, token, name: 'stream.bin', sessionFrom: 1, source: 'stream' });
    assert.equal(await sha1OnServer(small, (await result(page)).result.fileId), sha1Hex(bytes));

    await page.reload();
    const text = join(folder, 'small.txt');
    await writeFile(text, 'small');
    const settings = { server: url, token, name: 'small.txt' };
    await begin(page, text, settings);
    const { fileId } = (await result(page)).result;
    assert.equal(await sha1OnServer(small, fileId), sha1Hex(Buffer.from('small')));
    assert.equal(await evaluate(page, `window.preflight(${JSON.stringify(settings)})`), 'item_name_in_use');
    const free = { ...settings, name: 'free.txt' };
    assert.equal(await evaluate(page, `window.preflight(${JSON.stringify(free)})`), `${url}/2.0/files/content`);
    assert.equal(await evaluate(page, `window.download(${JSON.stringify(settings)}, '${fileId}')`), 'small');
    await page.close();
  });
});
