import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Where install.sh installs the linters from PyPI. */
const INSTALLED = fileURLToPath(new URL('.lint/bin', import.meta.url));

export const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url));

/** A linter's program, or undefined if it is not installed. */
export function findLinter(name: string): string | undefined {
  const folders = [INSTALLED, ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * A test that needs a linter. If that is not installed, the test is skipped with the reason, or fails if CI is true.
 */
export function testWithLinter(
  sentence: string,
  linter: string,
  body: (program: string, t: TestContext) => Promise<void>,
): void {
  const program = findLinter(linter);
  if (program !== undefined) {
    test(sentence, (t) => body(program, t));
    return;
  }
  const why = `${linter} is not installed; test/deploy/install.sh installs it`;
  if (process.env.CI !== 'true') {
    test(sentence, { skip: why }, () => {});
    return;
  }
  test(sentence, () => {
    throw new Error(`Not checked: ${why}`);
  });
}

/** Runs a linter and returns its output; throws an error with the output if it fails. */
export async function lint(program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, [...args]);
    return stdout + stderr;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}
