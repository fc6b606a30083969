import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer } from '../../support/server.ts';
import { installed } from '../lab-suite.ts';
import { programEnv, SMALL_PARTS } from '../program-env.ts';
import { runProgram } from '../run-program.ts';

/** Required files: the marker of a virtual environment that install.sh has completed, and its interpreter. */
export function requiredFiles(environment: string): string[] {
  return [installed(`${environment}/.finished`), pythonPath(environment)];
}

function pythonPath(environment: string): string {
  return installed(`${environment}/bin/python`);
}

/** Runs a Python program of this folder against a separate server. */
export async function runPython(
  t: TestContext,
  program: string,
  { environment, tls = false }: { environment: string; tls?: boolean },
): Promise<void> {
  await using server = await startServer({ tls, env: SMALL_PARTS });
  await runProgram(t, [pythonPath(environment), '-B', fileURLToPath(new URL(program, import.meta.url))], {
    ...(await programEnv(server)),
    // The SDK's HTTP library, requests, needs this for a certificate that is not public.
    ...(server.certificates && { REQUESTS_CA_BUNDLE: server.certificates.ca }),
  });
}
