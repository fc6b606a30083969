import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * Time limit of a test without one of its own, in milliseconds: about five times what the longest takes on two slow
 * cores.
 */
const TEST_LIMIT_MILLIS = 300_000;
/** The same if tests are to run longer, or to send larger parts to a store that may be far away. */
const LONG_TEST_LIMIT_MILLIS = 3_600_000;

/** A compile cache shared by the processes of all files; otherwise each would compile the same sources. */
const COMPILED = fileURLToPath(new URL('../../node_modules/.cache/compiled', import.meta.url));

/**
 * Runs test files with Node's test runner, three at a time, each in a separate process, with time limits.
 * @param args Paths, patterns, and options of the runner, which override the defaults here.
 * @returns The exit code: 0 if all tests passed.
 */
export async function runTests(args: readonly string[], { env = process.env } = {}): Promise<number> {
  const options = [
    '--test',
    '--test-concurrency=3',
    `--test-timeout=${takesLong(env) ? LONG_TEST_LIMIT_MILLIS : TEST_LIMIT_MILLIS}`,
    `--import=${new URL('./end-with-tests.ts', import.meta.url)}`,
  ];
  const running = spawn(process.execPath, [...options, ...args], {
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: COMPILED, ...env },
  });
  const [code] = await once(running, 'exit');
  return code ?? 1;
}

function takesLong({
  PARTWAY_TEST_KILLS,
  PARTWAY_TEST_STATES,
  PARTWAY_TEST_LEAST_PART = '1024',
}: NodeJS.ProcessEnv): boolean {
  return (
    PARTWAY_TEST_KILLS !== undefined || PARTWAY_TEST_STATES !== undefined || Number(PARTWAY_TEST_LEAST_PART) > 1024
  );
}
