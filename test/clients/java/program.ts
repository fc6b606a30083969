import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer, type TestServer } from '../../support/server.ts';
import { installed } from '../lab-suite.ts';
import { programEnv, SMALL_PARTS } from '../program-env.ts';
import { runProgram } from '../run-program.ts';

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('.', import.meta.url));
/** Protects a file of public certificates; keytool requires a password. */
const STORE_PASSWORD = 'changeit';

/** Compiles a Java program of this folder with the jars of `client`, and runs it against a separate TLS server. */
export async function runJava(t: TestContext, program: string, client: string): Promise<void> {
  await using server = await startServer({ tls: true, env: SMALL_PARTS });
  // Deleted with the server.
  const work = join(server.dataFolder, '..');
  const jars = installed(`${client}/*`);
  await run('javac', ['-cp', jars, '-d', work, join(HERE, 'Lab.java'), join(HERE, `${program}.java`)]);
  const store = await createTrustStore(server, work);
  const trust = [`-Djavax.net.ssl.trustStore=${store}`, `-Djavax.net.ssl.trustStorePassword=${STORE_PASSWORD}`];
  await runProgram(
    t,
    ['java', '-XX:TieredStopAtLevel=1', ...trust, '-cp', `${work}:${jars}`, program],
    await programEnv(server),
  );
}

/** The server's CA as a Java trust store. */
async function createTrustStore({ certificates }: TestServer, folder: string): Promise<string> {
  if (certificates === undefined) throw new Error('The server does not speak TLS.');
  const store = join(folder, 'trust.p12');
  const entry = ['-importcert', '-noprompt', '-alias', 'partway', '-file', certificates.ca];
  await run('keytool', [...entry, '-keystore', store, '-storetype', 'PKCS12', '-storepass', STORE_PASSWORD]);
  return store;
}
