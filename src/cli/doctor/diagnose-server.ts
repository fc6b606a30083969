import { addressesOf } from '../../client/addresses.ts';
import { accessToken } from '../profiles/access-token.ts';
import { isLoopbackAddress } from '../profiles/address.ts';
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
    yield { check: 'server', state: 'fail', message: 'no server to look at', remedy: (error as Error).message };
    return;
  }
  yield { check: 'server', state: 'ok', message: `${chosen.server} (${chosen.from})` };

  const url = new URL(chosen.server);
  const address = await checkAddress(url, { loopback: isLoopbackAddress(chosen.server) });
  yield address;
  if (address.state === 'fail') return;
  if (url.protocol === 'https:') {
    const tls = await attempt('tls', () => checkTls(url, Date.now()));
    yield tls;
    if (tls.state === 'fail') return;
  }
  yield* await diagnoseApi(chosen);
}

async function diagnoseApi(chosen: ChosenServer): Promise<Diagnosis[]> {
  const { api, upload } = addressesOf(chosen.server);
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
