import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { addUserWithPassword } from '../auth/operator.ts';
import { start } from '../cli/run.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { startServer } from '../support/server.ts';
import { browserSkipReason, openBrowser } from './browser.ts';

test('a user logs in to the command line in a browser', { skip: browserSkipReason }, async () => {
  await using server = await startServer();
  await using browser = await openBrowser();
  await addUserWithPassword(server, 'ada@partway.test', 'correct horse battery');
  const home = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-login-')));
  const { child, ended } = start(['login', '--server', server.url, '--web'], { env: { HOME: home } });
  const address = await new Promise<string>((resolve) => {
    let text = '';
    child.stderr?.on('data', (bytes) => {
      text += String(bytes);
      const found = /^ {2}(http\S+)$/m.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
  });

  const page = await browser.newPage();
  await page.goto(address);
  await page.getByLabel('Login').fill('ada@partway.test');
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Allow' }).click();
  // The policy of the login page must allow the return to the command's port.
  await page.getByText('You can close this page').waitFor();

  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Logged in to http\S+ as .*<ada@partway\.test>\.$/m);
});
