import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import type { TestContext } from 'node:test';

const LIMIT_MS = 180_000;
const MAX_OUTPUT = 16 * 1024 * 1024;

/** One line of a client program: what it checked, and the details if the check failed. */
interface Check {
  sentence: string;
  holds: boolean;
  found: string[];
}

interface ProgramResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program in the client's language and creates a test for each thing that it checked. The program prints `ok -
 * SENTENCE` or `not ok - SENTENCE` with `# ` lines below, and at its end the plan, `1..COUNT`: the core of the Test
 * Anything Protocol.
 */
export async function runProgram(
  t: TestContext,
  command: readonly [string, ...string[]],
  env: Record<string, string>,
): Promise<void> {
  const ended = await run(command, env);
  const lines = ended.stdout.split('\n');
  const checks = parseChecks(lines);
  for (const { sentence, holds, found } of checks) {
    await t.test(sentence, () => {
      if (!holds) throw new Error(found.join('\n'));
    });
  }
  const all = `${ended.stdout}\n${ended.stderr}`;
  assert.ok(checks.length > 0 && lines.includes(`1..${checks.length}`), `the program did not complete:\n${all}`);
  assert.equal(ended.code, checks.every((check) => check.holds) ? 0 : 1, all);
}

function parseChecks(lines: readonly string[]): Check[] {
  const checks: Check[] = [];
  for (const line of lines) {
    const [, not, sentence] = /^(not )?ok - (.*)$/.exec(line) ?? [];
    if (sentence !== undefined) checks.push({ sentence, holds: not === undefined, found: [] });
    else if (line.startsWith('# ')) checks.at(-1)?.found.push(line.slice(2));
  }
  return checks;
}

function run([file, ...args]: readonly [string, ...string[]], env: Record<string, string>): Promise<ProgramResult> {
  const options = {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', NO_PROXY: '*', ...env },
    timeout: LIMIT_MS,
    maxBuffer: MAX_OUTPUT,
  };
  return new Promise((resolve) => {
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr: error?.killed ? `${stderr}\n(ended after the limit)` : stderr });
    });
  });
}
