import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';

/** One long run. Its command prints its counts, and its seed if it has its own. */
interface LongRun {
  name: string;
  command: readonly [program: string, ...args: string[]];
  env?: Record<string, string>;
}

/** What `npm run nightly` runs, one after the other; `npm run nightly -- NAME …` runs only these. */
const RUNS: readonly LongRun[] = [
  {
    name: 'fuzz',
    command: ['npm', 'test', '--', '--test-timeout=36000000', 'test/fuzz/requests.test.ts'],
    env: { PARTWAY_TEST_FUZZ: '1000000' },
  },
  {
    name: 'fuzz-parts',
    command: ['npm', 'test', '--', '--test-timeout=36000000', 'test/fuzz/parts.test.ts'],
    env: { PARTWAY_TEST_UPLOADS: '2000' },
  },
  {
    name: 'power-cut',
    command: ['npm', 'run', 'test:powercut'],
    env: { PARTWAY_TEST_STATES: '10000' },
  },
  {
    name: 'kills',
    command: ['npm', 'test', '--', 'test/faults/crash.test.ts', 'test/client/resume.test.ts'],
    env: { PARTWAY_TEST_KILLS: '200' },
  },
  {
    name: 'kills-of-nodes',
    command: ['node', 'test/engines/over-s3.ts', 'test/cluster/kills.test.ts'],
    env: { PARTWAY_TEST_KILLS: '200' },
  },
  { name: 'attacks', command: ['node', 'bench/attacks.ts'] },
  { name: 'mutation', command: ['npm', 'run', 'test:mutation'] },
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !RUNS.some((run) => run.name === name));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}. There are: ${RUNS.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}

const results: { run: string; seed: string; seconds: number; result: string }[] = [];
for (const { name, command, env } of RUNS) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const seed = process.env.PARTWAY_TEST_SEED ?? String(randomInt(2 ** 31));
  console.log(`\n${name} (seed ${seed}): ${command.join(' ')}`);
  const from = performance.now();
  const [program, ...args] = command;
  const running = spawn(program, args, {
    stdio: 'inherit',
    env: { ...process.env, PARTWAY_TEST_SEED: seed, ...env },
  });
  const [code] = await once(running, 'exit');
  const seconds = Math.round((performance.now() - from) / 1000);
  results.push({ run: name, seed, seconds, result: code === 0 ? 'passed' : `failed (${code})` });
}
console.table(results);
process.exitCode = results.every(({ result }) => result === 'passed') ? 0 : 1;
