import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Where install.sh puts what the foreign clients need. */
const INSTALLED = fileURLToPath(new URL('.lab/', import.meta.url));

/** A path below the folder that install.sh fills. */
export function installed(path: string): string {
  return INSTALLED + path;
}

/**
 * A client of the lab, one test with its own tests below it. Where one of the files it needs is not there it is
 * skipped and the run says why; where CI is true, that is a failure.
 */
export function labSuite(client: string, needs: readonly string[], body: (t: TestContext) => Promise<void>): void {
  const missing = needs.filter((path) => !existsSync(path));
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
