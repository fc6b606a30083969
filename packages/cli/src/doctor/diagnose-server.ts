import { resolveAddresses } from '@partway/client/addresses';
import { EXIT, Failure } from '../exit-codes.ts';
import { accessToken } from '../profiles/access-token.ts';
import { isLoopbackAddress, serverAddress } from '../profiles/address.ts';
import { type ChosenServer, chooseServer } from '../profiles/choose-server.ts';
import type { ServerChoice } from '../profiles/server-options.ts';
import { checkAddress } from './check-address.ts';
import { checkApi } from './check-api.ts';
import { checkLinks } from './check-links.ts';
import { checkTls } from './check-tls.ts';
import type { Diagnosis } from './diagnosis.ts';

/** Looks at a server from outside, step by step, up to the first one that makes the next ones senseless. */
export async function* diagnoseServer(choice: ServerChoice): AsyncGenerator<Diagnosis> {
  let chosen: ChosenServer;
  try {
    chosen = await chooseServer(choice);
  } catch (error) {
    yield* withoutToken(choice, error as Error);
    return;
  }
  yield { check: 'server', state: 'ok', message: `${chosen.server} (${chosen.from})` };
  if (yield* isReached(chosen.server)) yield* await diagnoseApi(chosen);
}

/** Where nothing but the token is missing, the server can be looked at as far as it takes none. */
async function* withoutToken({ server }: ServerChoice, error: Error): AsyncGenerator<Diagnosis> {
  const { message: remedy } = error;
  if (server === undefined || !(error instanceof Failure && error.exitCode === EXIT.notLetIn)) {
    yield { check: 'server', state: 'fail', message: 'no server to look at', remedy };
    return;
  }
  const address = serverAddress(server);
  yield { check: 'server', state: 'ok', message: `${address} (--server)` };
  if (yield* isReached(address)) yield { check: 'token', state: 'fail', message: 'there is none for it', remedy };
}

async function* isReached(server: string): AsyncGenerator<Diagnosis, boolean> {
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
    const token = await accessToken(chosen);
    const found = await checkApi(api, token);
    if (found.every(({ state }) => state !== 'fail')) found.push(await checkLinks(api, upload, token));
    return found;
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
    const remedy = 'Log in again (partway login), if the credentials have changed; else look at the server’s log.';
    return [{ check: 'token', state: 'fail', message: why, remedy }];
  }
}

async function attempt(check: Diagnosis['check'], work: () => Promise<Diagnosis>): Promise<Diagnosis> {
  try {
    return await work();
  } catch (error) {
    const message = `there was no connection: ${(error as Error).message}`;
    return { check, state: 'fail', message, remedy: 'Does the server speak TLS at this port? Then look at its log.' };
  }
}
