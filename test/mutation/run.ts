import { spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import {
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
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../faults/seeded-random.ts';
import { Coverage } from './coverage.ts';
import { FOLDERS, type MutatedFolder } from './folders.ts';
import { type Mutant, mutantsOf, mutated } from './mutants.ts';

/**
 * Changes the source in small ways, one at a time, and says which changes no test notices. A mutant meets only the test
 * files that run its code, the quickest first:
 * `node test/mutation/run.ts [FOLDER ...]`. A sample of PARTWAY_MUTANTS (60) for each folder, chosen by
 * PARTWAY_TEST_SEED. Survivors that change nothing anybody could see are listed in accepted.json with the reason; they
 * count for neither side. Ends with 1 if less than 92 % are noticed in all, or less than 85 % in one folder.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SAMPLE = Number(process.env.PARTWAY_MUTANTS ?? 60);
const SEED = Number(process.env.PARTWAY_TEST_SEED ?? randomInt(2 ** 31));
const LEAST_IN_ALL = 0.92;
const LEAST_IN_A_FOLDER = 0.85;
/** A test file that takes this long has noticed something, in milliseconds: the slowest takes a tenth of it. */
const FILE_LIMIT = 240_000;
const WORKERS = 2;

/** A test file that passes without any mutant. */
interface TestFile {
  path: string;
  millis: number;
  coverage: Coverage;
}

interface Outcome {
  mutant: Mutant;
  /** The test file that failed; undefined if none did. */
  noticedBy: string | undefined;
}

interface Accepted {
  file: string;
  original: string;
  replacement: string;
  /** A piece of the line, so that the same change elsewhere in the file is another one. */
  line: string;
  reason: string;
}

const accepted = JSON.parse(readFileSync(new URL('./accepted.json', import.meta.url), 'utf8')) as Accepted[];
const copies = Array.from({ length: WORKERS }, makeCopy);
process.once('exit', () => {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
});

const wanted = process.argv.slice(2);
const outcomes: Outcome[] = [];
let enough = true;
console.log(`seed ${SEED}, ${SAMPLE} mutants a folder`);
for (const folder of FOLDERS) {
  if (wanted.length > 0 && !wanted.includes(folder.source)) continue;
  const found = await tryFolder(folder);
  outcomes.push(...found);
  enough = report(folder.source, found, LEAST_IN_A_FOLDER) && enough;
}
enough = report('in all', outcomes, LEAST_IN_ALL) && enough;
process.exitCode = enough ? 0 : 1;

async function tryFolder({ source, tests }: MutatedFolder): Promise<Outcome[]> {
  const random = seededRandom(SEED);
  const all = globSync(`${source}/**/*.ts`, { cwd: ROOT })
    .sort()
    .flatMap((file) => mutantsOf(file, readFileSync(join(ROOT, file), 'utf8')))
    .filter((mutant) => !isAccepted(mutant));
  const sample = Array.from({ length: Math.min(SAMPLE, all.length) }, () => all.splice(random.below(all.length), 1)[0]);
  const files = await watchTests(
    tests.flatMap((pattern) => globSync(pattern, { cwd: ROOT }).sort()),
    source,
  );
  const outcomes: Outcome[] = [];
  await Promise.all(
    copies.map(async (copy) => {
      for (let mutant = sample.pop(); mutant !== undefined; mutant = sample.pop()) {
        outcomes.push(await tryMutant(copy, mutant, files));
      }
    }),
  );
  return outcomes;
}

/** Runs the tests without any mutant, to know how long each file takes and which code it runs. The quickest come first. */
async function watchTests(paths: readonly string[], source: string): Promise<TestFile[]> {
  const left = [...new Set(paths)];
  const files: TestFile[] = [];
  await Promise.all(
    copies.map(async (copy) => {
      for (let path = left.shift(); path !== undefined; path = left.shift()) {
        const coverage = new Coverage();
        const from = performance.now();
        if (!(await passes(copy, path, coverage.env))) {
          coverage.remove();
          throw new Error(`${path} fails without any mutant`);
        }
        files.push({ path, millis: performance.now() - from, coverage });
        coverage.read(copy, source);
      }
    }),
  );
  return files.sort((a, b) => a.millis - b.millis);
}

async function tryMutant(copy: string, mutant: Mutant, files: readonly TestFile[]): Promise<Outcome> {
  const source = readFileSync(join(ROOT, mutant.file), 'utf8');
  writeFileSync(join(copy, mutant.file), mutated(source, mutant));
  try {
    const running = files.filter(({ coverage }) => coverage.ran(mutant.file, mutant.start));
    const noticedBy = await firstFailing(copy, running);
    if (noticedBy === undefined) {
      console.log(`  ${running.length === 0 ? 'run by no test' : 'not noticed'}: ${describe(mutant)}`);
    }
    return { mutant, noticedBy };
  } finally {
    writeFileSync(join(copy, mutant.file), source);
  }
}

async function firstFailing(copy: string, files: readonly TestFile[]): Promise<string | undefined> {
  for (const { path } of files) if (!(await passes(copy, path))) return path;
  return undefined;
}

async function passes(copy: string, file: string, env: Record<string, string> = {}): Promise<boolean> {
  const child = spawn(process.execPath, ['--test', '--test-isolation=none', `--test-timeout=${FILE_LIMIT}`, file], {
    cwd: copy,
    stdio: 'ignore',
    detached: true,
    env: { NODE_COMPILE_CACHE: join(copy, '..', 'compiled'), ...process.env, ...env },
  });
  const limit = setTimeout(() => killGroup(child.pid), FILE_LIMIT);
  const [code] = await once(child, 'exit');
  clearTimeout(limit);
  killGroup(child.pid);
  return code === 0;
}

/** With the servers that a test which was ended has left. */
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
  const noticed = outcomes.filter(({ noticedBy }) => noticedBy !== undefined).length;
  const share = outcomes.length === 0 ? 1 : noticed / outcomes.length;
  console.log(`${name}: ${noticed} of ${outcomes.length} noticed, ${(100 * share).toFixed(0)} %`);
  return share >= least;
}

function describe({ file, line, original, replacement }: Mutant): string {
  const text = (code: string) => code.replaceAll(/\s+/g, ' ').slice(0, 80);
  return `${file}:${line}: ${text(original)} → ${text(replacement) || '(nothing)'}`;
}

/** The project as it is in the work tree, with the same dependencies. */
function makeCopy(): string {
  const copy = mkdtempSync(join(tmpdir(), 'partway-mutation-'));
  const { stdout } = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  const list = join(copy, '.files');
  writeFileSync(list, stdout);
  mkdirSync(join(copy, 'project'));
  const to = join(copy, 'project');
  const done = spawnSync('sh', ['-c', `tar -C "${ROOT}" --null -T "${list}" -cf - | tar -C "${to}" -xf -`]);
  if (done.status !== 0) throw new Error(`the project cannot be copied: ${done.stderr}`);
  linkDependencies(to);
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
