import { spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cephSkipReason, startCeph } from '../engines/ceph.ts';
import { startMigratedPostgres } from '../engines/migrated-postgres.ts';
import { noPostgres } from '../engines/postgres.ts';
import { seededRandom } from '../faults/seeded-random.ts';
import { createTestBucket, TEST_BUCKET } from '../s3/test-store.ts';
import { Coverage } from './coverage.ts';
import { FOLDERS, type MutatedFolder } from './folders.ts';
import { applyMutant, createMutants, type Mutant } from './mutants.ts';

/**
 * Changes the source in small ways, one at a time, and reports which changes no test detects. A mutant is tested by
 * the test files that run its code, fastest first: `node test/mutation/run.ts [FOLDER ...]`. Takes a sample of
 * PARTWAY_MUTANTS (60) for each folder, selected by PARTWAY_TEST_SEED. Starts a Ceph and a PostgreSQL for the tests
 * that need one. Survivors without any visible effect are listed in accepted.json with the reason, and are not
 * counted. Exits with 1 if less than 92% are detected in total, or less than 85% in one folder.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SAMPLE = Number(process.env.PARTWAY_MUTANTS ?? 60);
const SEED = Number(process.env.PARTWAY_TEST_SEED ?? randomInt(2 ** 31));
const MIN_TOTAL = 0.92;
const MIN_PER_FOLDER = 0.85;
/** A test file that takes this much longer than without a mutant has detected something, in milliseconds. */
const EXTRA_MILLIS = 60_000;
/** A test file may take this many times as long as without a mutant, because other programs may be running. */
const EXTRA_FACTOR = 4;
const FIRST_LIMIT_MILLIS = 300_000;
const WORKERS = 2;
/** The memory of a test, without what is only reserved. */
const MAX_MEMORY_KIB = 6 * 1024 * 1024;

/** A test file and its settings. */
interface TestRun {
  path: string;
  env: Record<string, string>;
}

/** A test run that passes without a mutant. */
interface WatchedRun extends TestRun {
  millis: number;
  coverage: Coverage;
}

interface Outcome {
  mutant: Mutant;
  /** The test file that failed; undefined if none did. */
  detectedBy: string | undefined;
}

interface Accepted {
  file: string;
  original: string;
  replacement: string;
  /** A piece of the line, to distinguish the same change elsewhere in the file. */
  line: string;
  reason: string;
}

const accepted = JSON.parse(readFileSync(new URL('./accepted.json', import.meta.url), 'utf8')) as Accepted[];
const copies = Array.from({ length: WORKERS }, createCopy);
process.once('exit', () => {
  for (const copy of copies) rmSync(dirname(copy), { recursive: true, force: true });
});

const wanted = process.argv.slice(2);
const folders = FOLDERS.filter(({ source }) => wanted.length === 0 || wanted.includes(source));
await using engines = await startEngines();
const outcomes: Outcome[] = [];
let enough = true;
console.log(`seed ${SEED}, ${SAMPLE} mutants a folder`);
for (const folder of folders) {
  const found = await tryFolder(folder);
  outcomes.push(...found);
  enough = report(folder.source, found, MIN_PER_FOLDER) && enough;
}
enough = report('in all', outcomes, MIN_TOTAL) && enough;
process.exitCode = enough ? 0 : 1;

interface Engines extends AsyncDisposable {
  /** For test files that use S3 only if it is available. */
  env: Record<string, string>;
  /** For test files that use a disk by default. */
  s3: Record<string, string>;
  /** For test files that use SQLite by default. */
  postgres: Record<string, string>;
}

async function startEngines(): Promise<Engines> {
  const reason = cephSkipReason() ?? (noPostgres || undefined);
  if (reason !== undefined) throw new Error(reason);
  const stack = new AsyncDisposableStack();
  const [ceph, postgres] = await Promise.all([startCeph(), startMigratedPostgres()]);
  stack.use(ceph);
  stack.use(postgres);
  const credentials = {
    AWS_ACCESS_KEY_ID: ceph.accessKeyId,
    AWS_SECRET_ACCESS_KEY: ceph.secretAccessKey,
    AWS_REGION: 'us-east-1',
  };
  Object.assign(process.env, credentials);
  await createTestBucket(ceph.url);
  const env = { ...credentials, PARTWAY_TEST_S3: ceph.url };
  return {
    env,
    s3: { ...env, PARTWAY_TEST_STORAGE: `s3://${TEST_BUCKET}` },
    postgres: { ...env, PARTWAY_TEST_DATABASE: postgres.template },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function tryFolder(folder: MutatedFolder): Promise<Outcome[]> {
  const random = seededRandom(SEED);
  const all = globSync(`${folder.source}/**/*.ts`, { cwd: ROOT })
    .sort()
    .flatMap((file) => createMutants(file, readFileSync(join(ROOT, file), 'utf8')))
    .filter((mutant) => !isAccepted(mutant));
  const sample = Array.from({ length: Math.min(SAMPLE, all.length) }, () => all.splice(random.below(all.length), 1)[0]);
  const runs = await watchTests(listRuns(folder), folder.source);
  const outcomes: Outcome[] = [];
  await Promise.all(
    copies.map(async (copy) => {
      for (let mutant = sample.pop(); mutant !== undefined; mutant = sample.pop()) {
        outcomes.push(await tryMutant(copy, mutant, runs));
      }
    }),
  );
  return outcomes;
}

function listRuns({ tests, onS3 = [], onPostgres = [] }: MutatedFolder): TestRun[] {
  const { env, s3, postgres } = engines;
  return [
    ...findTests(tests).map((path) => ({ path, env })),
    ...findTests(onS3).map((path) => ({ path, env: s3 })),
    ...findTests(onPostgres).map((path) => ({ path, env: postgres })),
  ];
}

function findTests(patterns: readonly string[]): string[] {
  return [...new Set(patterns.flatMap(expandBraces).flatMap(findMatches))];
}

function findMatches(pattern: string): string[] {
  const found = globSync(pattern, { cwd: ROOT }).sort();
  // Otherwise, a test that was renamed would be missing, and nobody would notice.
  if (found.length === 0) throw new Error(`${pattern} matches no file`);
  return found;
}

/** `a{b,c}` becomes `ab` and `ac`. */
function expandBraces(pattern: string): string[] {
  const [start, end] = [pattern.indexOf('{'), pattern.indexOf('}')];
  if (start < 0) return [pattern];
  const choices = pattern.slice(start + 1, end).split(',');
  return choices.flatMap((choice) => expandBraces(pattern.slice(0, start) + choice + pattern.slice(end + 1)));
}

/**
 * Runs the tests without a mutant, to measure how long each file takes and which code it runs; sorted, fastest first.
 */
async function watchTests(runs: readonly TestRun[], source: string): Promise<WatchedRun[]> {
  const left = [...runs];
  const watched: WatchedRun[] = [];
  await Promise.all(
    copies.map(async (copy) => {
      for (let run = left.shift(); run !== undefined; run = left.shift()) {
        const coverage = new Coverage();
        const from = performance.now();
        const env = { ...run.env, ...coverage.env };
        const watchedRun = { path: run.path, env };
        // A second time, because other programs can make a test too slow; then its output shows what is wrong.
        if (
          !(await passes(copy, watchedRun, FIRST_LIMIT_MILLIS)) &&
          !(await passes(copy, watchedRun, FIRST_LIMIT_MILLIS, 'inherit'))
        ) {
          coverage.remove();
          throw new Error(`${run.path} fails without a mutant`);
        }
        watched.push({ ...run, millis: performance.now() - from, coverage });
        coverage.read(copy, source);
      }
    }),
  );
  const seconds = watched.reduce((sum, { millis }) => sum + millis, 0) / 1_000;
  console.log(`${source}: ${watched.length} test files, ${Math.round(seconds)} s without a mutant`);
  return watched.sort((a, b) => a.millis - b.millis);
}

async function tryMutant(copy: string, mutant: Mutant, runs: readonly WatchedRun[]): Promise<Outcome> {
  const source = readFileSync(join(ROOT, mutant.file), 'utf8');
  writeFileSync(join(copy, mutant.file), applyMutant(source, mutant));
  try {
    const running = runs.filter(({ coverage }) => coverage.ran(mutant.file, mutant.runs));
    const detectedBy = await firstFailing(copy, running);
    if (detectedBy === undefined) {
      console.log(`  ${running.length === 0 ? 'run by no test' : 'not noticed'}: ${describe(mutant)}`);
    }
    return { mutant, detectedBy: detectedBy };
  } finally {
    writeFileSync(join(copy, mutant.file), source);
  }
}

async function firstFailing(copy: string, runs: readonly WatchedRun[]): Promise<string | undefined> {
  for (const run of runs) {
    if (!(await passes(copy, run, EXTRA_MILLIS + EXTRA_FACTOR * run.millis))) return run.path;
  }
  return undefined;
}

async function passes(
  copy: string,
  { path, env }: TestRun,
  limit: number,
  output: 'ignore' | 'inherit' = 'ignore',
): Promise<boolean> {
  // A separate one, because a test that is killed leaves its files. Readable for the user that PostgreSQL runs as.
  const temporary = mkdtempSync(join(tmpdir(), 'partway-mutant-'));
  chmodSync(temporary, 0o755);
  const test = ['--test', '--test-isolation=none', `--test-timeout=${Math.round(limit)}`, path];
  const child = spawn(
    // A mutant can use all memory of the machine, and then nothing runs until the system ends some process.
    'sh',
    ['-c', `ulimit -d ${MAX_MEMORY_KIB}; exec "$0" "$@"`, process.execPath, ...test],
    {
      cwd: copy,
      stdio: ['ignore', output, output],
      detached: true,
      env: { NODE_COMPILE_CACHE: join(copy, '..', 'compiled'), ...process.env, TMPDIR: temporary, ...env },
    },
  );
  const timer = setTimeout(() => killGroup(child.pid), limit);
  const [code] = await once(child, 'exit');
  clearTimeout(timer);
  killGroup(child.pid);
  rmSync(temporary, { recursive: true, force: true, maxRetries: 3 });
  return code === 0;
}

/** Also kills the servers that a killed test has left. */
function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function isAccepted(mutant: Mutant): boolean {
  const line = readFileSync(join(ROOT, mutant.file), 'utf8').split('\n')[mutant.line - 1] ?? '';
  return accepted.some(
    ({ file, original, replacement, line: piece }) =>
      file === mutant.file &&
      original === mutant.original &&
      replacement === mutant.replacement &&
      line.includes(piece),
  );
}

function report(name: string, outcomes: readonly Outcome[], least: number): boolean {
  const detected = outcomes.filter(({ detectedBy }) => detectedBy !== undefined).length;
  const share = outcomes.length === 0 ? 1 : detected / outcomes.length;
  console.log(`${name}: ${detected} of ${outcomes.length} noticed, ${(100 * share).toFixed(0)} %`);
  return share >= least;
}

function describe({ file, line, original, replacement }: Mutant): string {
  const text = (code: string) => code.replaceAll(/\s+/g, ' ').slice(0, 80);
  return `${file}:${line}: ${text(original)} → ${text(replacement) || '(nothing)'}`;
}

/** A copy of the work tree, with the same dependencies. */
function createCopy(): string {
  const copy = mkdtempSync(join(tmpdir(), 'partway-mutation-'));
  const { stdout } = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  const list = join(copy, '.files');
  writeFileSync(list, stdout);
  mkdirSync(join(copy, 'project'));
  const to = join(copy, 'project');
  const done = spawnSync('sh', ['-c', `tar -C "${ROOT}" --null -T "${list}" -cf - | tar -C "${to}" -xf -`]);
  if (done.status !== 0) throw new Error(`the project cannot be copied: ${done.stderr}`);
  linkDependencies(to);
  linkNativeModule(to);
  return to;
}

/** The same dependencies, except that the workspace packages are those of the copy. */
function linkDependencies(copy: string): void {
  const from = join(ROOT, 'node_modules');
  const to = join(copy, 'node_modules');
  mkdirSync(join(to, '@partway'), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name !== '@partway' && name !== 'partway') symlinkSync(join(from, name), join(to, name));
  }
  for (const name of readdirSync(join(from, '@partway'))) {
    symlinkSync(join(copy, 'packages', name), join(to, '@partway', name));
  }
}

/** The native module that was built here: Git does not know it, and without it no test would run the code that uses it. */
function linkNativeModule(copy: string): void {
  const built = join(ROOT, 'packages/native/build');
  if (existsSync(built)) symlinkSync(built, join(copy, 'packages/native/build'));
}
