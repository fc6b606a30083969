import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Where install.sh installs the other clients' dependencies. */
const INSTALLED = fileURLToPath(new URL('.lab/', import.meta.url));

/** A path below the folder that install.sh fills. */
export function installed(path: string): string {
  return INSTALLED + path;
}

/**
 * A client of the lab: one test with subtests. If a required file is missing, the test is skipped with the reason, or
 * fails if CI is true.
 */
export function labSuite(client: string, required: readonly string[], body: (t: TestContext) => Promise<void>): void {
  const missing = required.filter((path) => !existsSync(path));
  if (missing.length === 0) {
    test(client, body);
    return;
  }
  const why = `${missing.join(', ')} is not there; test/clients/install.sh installs it`;
  if (process.env.CI !== 'true') {
    test(client, { skip: why }, () => {});
    return;
  }
  test(client, () => {
    throw new Error(`${client} cannot run: ${why}`);
  });
}
