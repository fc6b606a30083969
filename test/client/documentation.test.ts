import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { addApp } from '../support/accounts.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { startServer } from '../support/server.ts';
import { temporaryFolder } from './client-fixture.ts';

const run = promisify(execFile);
const HOOKS = new URL('./resolve-partway.ts', import.meta.url).href;

test('the examples of docs/use/client.md work as they are', async () => {
  await using server = await startServer({ env: { PARTWAY_SHUTDOWN_GRACE: '0s' } });
  const { clientId, clientSecret } = await addApp(server);
  const folder = await temporaryFolder();
  const bytes = seededBytes(25_000_000, 'documentation');
  await writeFile(join(folder, 'big.bin'), bytes);
  const text = await readFile('docs/use/client.md', 'utf8');
  const examples = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code ?? '');

  const printed: string[] = [];
  for (const [index, code] of examples.entries()) {
    const file = join(folder, `example-${index}.mjs`);
    await writeFile(file, code);
    const { stdout, stderr } = await run(process.execPath, ['--import', HOOKS, file], {
      cwd: folder,
      env: {
        PATH: process.env.PATH ?? '',
        XDG_STATE_HOME: folder,
        SERVER: server.url,
        TOKEN: server.token,
        CLIENT_ID: clientId,
        CLIENT_SECRET: clientSecret,
      },
    });
    assert.equal(stderr, '');
    printed.push(stdout);
  }
  assert.equal(printed.length, 4);
  assert.match(printed[0] ?? '', new RegExp(`100 % .*25000000 bytes, SHA-1 ${sha1Hex(bytes)}, 0 of them`, 's'));
  assert.match(printed[1] ?? '', /\S/);
  assert.equal(printed[2], `${sha1Hex(bytes)}\n`);
  assert.match(printed[3] ?? '', /^folder reports 0$.*\nhello\n$/ms);
});
