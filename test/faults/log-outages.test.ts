import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { deleteAtExit, killAtExit } from '../support/leftovers.ts';
import { RawConnection, rawRequest } from '../support/raw-connection.ts';

const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));

interface StartedServer {
  child: ChildProcess;
  url: string;
}

/** A server that logs two lines per request to `stderr`, as `spawn` accepts it. */
async function startLogging(stderr: 'pipe' | number): Promise<StartedServer> {
  const home = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-test-')));
  const child = spawn(process.execPath, [PARTWAY, 'serve'], {
    env: {
      PATH: process.env.PATH ?? '',
      PARTWAY_DATA: join(home, 'data'),
      PARTWAY_LISTEN: '127.0.0.1:0',
      PARTWAY_LOG: 'info',
      PARTWAY_TOKEN: 'the-token-of-the-log-tests',
    },
    stdio: ['ignore', 'pipe', stderr],
  });
  killAtExit(child);
  let greeting = '';
  for (;;) {
    assert.ok(child.stdout !== null);
    const [text] = await once(child.stdout, 'data');
    greeting += text;
    const url = /listening on (http:\/\/[^\s/]+)/.exec(greeting)?.[1];
    if (url !== undefined) return { child, url };
  }
}

async function assertResponses({ url }: StartedServer, times: number): Promise<void> {
  const headers = { authorization: 'Bearer the-token-of-the-log-tests' };
  for (let time = 0; time < times; time++) {
    assert.equal((await fetch(`${url}/2.0/users/me`, { headers })).status, 200);
  }
}

async function assertCleanExit({ child }: StartedServer): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
}

it('a server whose output pipes are closed keeps responding, and stops cleanly', async () => {
  const server = await startLogging('pipe');
  server.child.stderr?.destroy();
  server.child.stdout?.destroy();
  await assertResponses(server, 50);
  await assertCleanExit(server);
});

it('a server whose log is not read keeps responding, and reports lost lines when it is read', async () => {
  const server = await startLogging('pipe');
  server.child.stderr?.pause();
  // About 800 bytes of log each, together more than the pipe and the server can buffer.
  const sent = Array.from({ length: 2_500 }, () => rawRequest(`GET /${'a'.repeat(290)}`));
  const connection = await RawConnection.open(server);
  for (let from = 0; from < sent.length; from += 100) {
    await connection.send(sent.slice(from, from + 100).join(''));
    await connection.responses(from + 100);
  }
  connection.socket.destroy();
  let log = '';
  const reported = new Promise<void>((resolve) => {
    server.child.stderr?.on('data', (text: Buffer) => {
      log += text;
      if (/"lost":[0-9]+,/.test(log)) resolve();
    });
  });
  server.child.stderr?.resume();
  await reported;
  for (const line of log.trim().split('\n').slice(0, -1)) JSON.parse(line);
  await assertCleanExit(server);
});

it('a server whose log disk is full keeps responding, and stops cleanly', async (t) => {
  let full: number;
  try {
    full = openSync('/dev/full', 'w');
  } catch {
    return t.skip('this system has no /dev/full');
  }
  const server = await startLogging(full);
  await assertResponses(server, 50);
  await assertCleanExit(server);
});
