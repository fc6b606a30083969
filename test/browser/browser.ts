import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { deleteAtExit, deleteFolder } from '../support/leftovers.ts';

const CHROMIUM = process.env.PARTWAY_TEST_CHROMIUM ?? '/usr/bin/chromium';

/** Why there is no browser for tests; undefined if there is one. */
export const browserSkipReason = existsSync(CHROMIUM)
  ? undefined
  : `no browser at ${CHROMIUM}: install Debian's chromium, or say where one is by PARTWAY_TEST_CHROMIUM`;

/** Opens a browser with its own profile that connects only to the test. */
export async function openBrowser(): Promise<BrowserContext & AsyncDisposable> {
  const profile = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-browser-')));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  context.once('close', () => deleteFolder(profile));
  return Object.assign(context, { [Symbol.asyncDispose]: () => context.close() });
}
