/**
 * Measures how one user's attacks affect another user: parts per second, the latency of `/users/me`, and the server's memory
 * and file descriptors. The attacks S1 to S6, S8, S9 and S15 run together, in a process with the lowest priority.
 *
 *   node bench/attacks.ts [--minutes 5] [--rate 10] [--only 'S2,S4 downloads'] [--folder DIR]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { addApp, addUser, getUserToken, partway } from '../test/support/accounts.ts';
import { Api } from '../test/support/api.ts';
import { seededBytes } from '../test/support/bytes.ts';
import { startServer } from '../test/support/server.ts';
import type { AttackOrder } from './attacks/attackers.ts';
import { here, inNewFolder, MIB, readProcess, saveResults } from './support.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    rate: { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
    folder: { type: 'string', default: tmpdir() },
  },
});
const seconds = Number(values.minutes) * 60;
const only = values.only.split(',').filter((name) => name !== '');
const PART = 8 * MIB;
const LANES = 2;
const TARGETS = { rate: 0.7, p99Millis: 500, rssBytes: 400 * MIB, descriptors: 2000 };

const result = await inNewFolder(values.folder, async (dataFolder) => {
  await using server = await startServer({ dataFolder });
  const app = await addApp(server);
  const victim = new Api({
    url: server.url,
    token: await getUserToken(server, app, await addUser(server, 'victim@bench')),
  });
  const attacker = await getUserToken(server, app, await addUser(server, 'attacker@bench'));
  const limited = await getUserToken(server, app, await addUser(server, 'limited@bench'));
  await partway(server, 'user', 'quota', 'limited@bench', '10MB');
  const order: AttackOrder = { url: server.url, token: attacker, limited, seconds, rate: Number(values.rate), only };

  const child = spawn(process.execPath, [here('attacks/attackers.ts'), JSON.stringify(order)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  if ((await lines.next()).done) throw new Error('The attackers ended before they started.');
  const { pid } = server;
  const alone = await measure(victim, pid, Math.min(30, seconds));
  child.stdin.write('go\n');
  await sleep(2_000);
  const attacked = await measure(victim, pid, seconds - 4);
  const answers = JSON.parse(String((await lines.next()).value)) as unknown;
  await ended;
  const after = await measure(victim, pid, 10);
  return { alone, attacked, after, answers, samePid: server.pid === pid };
});

const { alone, attacked, after } = result;
const share = attacked.partsPerSecond / alone.partsPerSecond;
console.log(JSON.stringify(result.answers, null, 2));
for (const [name, figures] of Object.entries({ alone, attacked, after })) console.log(name, figures);
// Without attacks, the figures are meaningless.
const idle = Object.entries(result.answers as Record<string, Record<string, number>>).filter(
  ([, answers]) => Object.keys(answers).length === 0,
);
const verdicts = {
  [`attacks with responses: all except ${idle.map(([name]) => name).join(', ') || 'none'}`]: idle.length === 0,
  [`parts: ${Math.round(share * 100)} % of the rate without attackers`]: share >= TARGETS.rate,
  [`/users/me p99: ${Math.round(attacked.p99Millis)} ms`]: attacked.p99Millis <= TARGETS.p99Millis,
  [`RSS: ${Math.round(attacked.rssBytes / MIB)} MiB`]: attacked.rssBytes <= TARGETS.rssBytes,
  [`descriptors: ${attacked.descriptors}`]: attacked.descriptors <= TARGETS.descriptors,
  [`failed requests of the other user: ${attacked.failures}`]: attacked.failures === 0,
};
for (const [what, holds] of Object.entries(verdicts)) console.log(holds ? 'ok  ' : 'FAIL', what);
console.log(await saveResults('attacks', { ...result, verdicts }));
process.exitCode = Object.values(verdicts).every((holds) => holds) ? 0 : 1;

interface Figures {
  partsPerSecond: number;
  p99Millis: number;
  rssBytes: number;
  descriptors: number;
  failures: number;
}

/** Uploads parts and requests `/users/me` ten times a second. Returns the server's highest figures meanwhile. */
async function measure(api: Api, pid: number, forSeconds: number): Promise<Figures> {
  const end = performance.now() + forSeconds * 1000;
  const bytes = seededBytes(PART, 'victim');
  const latencies: number[] = [];
  let [parts, failures, rssBytes, descriptors] = [0, 0, 0, 0];

  async function upload(): Promise<void> {
    while (performance.now() < end) {
      const total = 64 * PART;
      const session = await api.createSession(`victim-${Math.random()}`, total);
      for (let offset = 0; offset < total && performance.now() < end; offset += PART) {
        const { status } = await api.putPart(session.id, { offset, bytes, total });
        if (status === 200) parts += 1;
        else failures += 1;
      }
      await api.delete(`/files/upload_sessions/${session.id}`);
    }
  }
  async function ask(): Promise<void> {
    while (performance.now() < end) {
      const began = performance.now();
      if ((await api.get('/users/me')).status !== 200) failures += 1;
      latencies.push(performance.now() - began);
      rssBytes = Math.max(rssBytes, readProcess(pid).rssBytes);
      descriptors = Math.max(descriptors, readdirSync(`/proc/${pid}/fd`).length);
      await sleep(100);
    }
  }
  const began = performance.now();
  await Promise.all([ask(), ...Array.from({ length: LANES }, upload)]);
  const took = (performance.now() - began) / 1000;
  const p99Millis = latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * 0.99)] ?? Number.NaN;
  return { partsPerSecond: parts / took, p99Millis, rssBytes, descriptors, failures };
}
