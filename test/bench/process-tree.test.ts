import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { listTree, readProcessTree } from '../../bench/measure/process-tree.ts';
import { readProcess } from '../../bench/support.ts';
import { killAtExit } from '../support/leftovers.ts';

// The shell starts one process that keeps running, and another that computes for a while and ends.
const SCRIPT = `sleep 60 & bash -c 'for ((n = 0; n < 300000; n++)); do :; done'; echo "$!"; wait`;

test('the figures of a server include its child processes, also those that have ended', async (t) => {
  const shell = spawn('bash', ['-c', SCRIPT], { stdio: ['ignore', 'pipe', 'inherit'] });
  killAtExit(shell);
  const [line] = await once(createInterface(shell.stdout), 'line');
  const sleeping = Number(line);
  t.after(() => process.kill(sleeping));
  const pid = shell.pid ?? 0;

  assert.deepEqual(listTree(pid), [pid, sleeping]);
  const tree = readProcessTree(pid);
  const alone = readProcess(pid);
  assert.ok(tree.cpuSeconds > alone.cpuSeconds, 'the CPU time of the process that has ended');
  assert.ok(tree.peakRssBytes > alone.peakRssBytes, 'the memory of the process that is running');
});
