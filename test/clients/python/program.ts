import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer } from '../../support/server.ts';
import { installed } from '../lab-suite.ts';
import { programEnv, SMALL_PARTS } from '../program-env.ts';
import { runProgram } from '../run-program.ts';

/** What must be there: the mark of a virtual environment that install.sh has finished, and its interpreter. */
export function needsOf(environment: string): string[] {
  return [installed(`${environment}/.finished`), pythonOf(environment)];
}

function pythonOf(environment: string): string {
  return installed(`${environment}/bin/python`);
}

/** Runs a Python program of this folder against a server of its own. */
export async function runPython(
  t: TestContext,
  program: string,
  { environment, tls = false }: { environment: string; tls?: boolean },
): Promise<void> {
  await using server = await startServer({ tls, env: SMALL_PARTS });
  await runProgram(t, [pythonOf(environment), '-B', fileURLToPath(new URL(program, import.meta.url))], {
    ...(await programEnv(server)),
    // What the SDK's HTTP library, requests, asks for where a certificate is not a public one.
    ...(server.certificates && { REQUESTS_CA_BUNDLE: server.certificates.ca }),
  });
}
