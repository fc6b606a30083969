import { resolveAddresses } from '@partway/client/addresses';
import { EXIT, Failure } from '../exit-codes.ts';
import { getAccessToken } from '../profiles/access-token.ts';
import { isLoopbackAddress, parseServerAddress } from '../profiles/address.ts';
import { type ChosenServer, chooseServer } from '../profiles/choose-server.ts';
import type { ServerChoice } from '../profiles/server-options.ts';
import { checkAddress } from './check-address.ts';
import { checkApi } from './check-api.ts';
import { checkLinks } from './check-links.ts';
import { checkTls } from './check-tls.ts';
import type { Diagnosis } from './diagnosis.ts';

/** Checks a server from outside, step by step. Stops if a failure makes the remaining checks pointless. */
export async function* diagnoseServer(choice: ServerChoice): AsyncGenerator<Diagnosis> {
  let chosen: ChosenServer;
  try {
    chosen = await chooseServer(choice);
  } catch (error) {
    yield* diagnoseWithoutToken(choice, error as Error);
    return;
  }
  yield { check: 'server', state: 'ok', message: `${chosen.server} (${chosen.from})` };
  if (yield* checkReachable(chosen.server)) yield* await diagnoseApi(chosen);
}

/** If only the token is missing, the checks that do not need one are still possible. */
async function* diagnoseWithoutToken({ server }: ServerChoice, error: Error): AsyncGenerator<Diagnosis> {
  const { message: remedy } = error;
  if (server === undefined || !(error instanceof Failure && error.exitCode === EXIT.accessDenied)) {
    yield { check: 'server', state: 'fail', message: 'no server to check', remedy };
    return;
  }
  const address = parseServerAddress(server);
  yield { check: 'server', state: 'ok', message: `${address} (--server)` };
  if (yield* checkReachable(address))
    yield { check: 'token', state: 'fail', message: 'there is no token for this server', remedy };
}

async function* checkReachable(server: string): AsyncGenerator<Diagnosis, boolean> {
  const url = new URL(server);
  const address = await checkAddress(url, { loopback: isLoopbackAddress(server) });
  yield address;
  if (address.state === 'fail') return false;
  if (url.protocol !== 'https:') return true;
  const tls = await attempt('tls', () => checkTls(url, Date.now()));
  yield tls;
  return tls.state !== 'fail';
}

async function diagnoseApi(chosen: ChosenServer): Promise<Diagnosis[]> {
  const { api, upload } = resolveAddresses(chosen.server);
  try {
    const token = await getAccessToken(chosen);
    const diagnoses = await checkApi(api, token);
    if (diagnoses.every(({ state }) => state !== 'fail')) diagnoses.push(await checkLinks(api, upload, token));
    return diagnoses;
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
    const remedy =
      'If the credentials have changed, log in again (partway login). Otherwise, check the log of the server.';
    return [{ check: 'token', state: 'fail', message: why, remedy }];
  }
}

async function attempt(check: Diagnosis['check'], work: () => Promise<Diagnosis>): Promise<Diagnosis> {
  try {
    return await work();
  } catch (error) {
    const message = `the connection failed: ${(error as Error).message}`;
    return { check, state: 'fail', message, remedy: 'Check that the server uses TLS on this port, and check its log.' };
  }
}
