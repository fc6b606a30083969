import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '@partway/server/config/config';
import { EXIT, Failure } from '../exit-codes.ts';
import { isLoopbackAddress, serverAddress } from './address.ts';
import { type Credentials, getProfile } from './profile.ts';
import { readProfiles } from './profiles-file.ts';
import type { ServerChoice } from './server-options.ts';

/** A server, how to get in, and how it came to be this one. */
export interface ChosenServer {
  server: string;
  credentials: Credentials;
  /** In words: "profile work", "--server", "this folder's server". */
  from: string;
}

/**
 * Which server a command is for. A token goes only where it was meant to go: that of a profile to the profile's server,
 * PARTWAY_TOKEN to the server that was named beside it, or to the one of this machine. In this order:
 *
 * 1. `--profile` (or PARTWAY_PROFILE);
 * 2. `--server` (or PARTWAY_SERVER), with PARTWAY_TOKEN, the profile that has this server, or, on a loopback address,
 *    the developer token of the data folder here;
 * 3. the profile in use (`partway use`);
 * 4. the server that `partway serve` would start here.
 */
export async function chooseServer({ profile, server }: ServerChoice): Promise<ChosenServer> {
  const known = await readProfiles();
  if (profile !== undefined) return { ...getProfile(known, profile), from: `profile ${profile}` };
  if (server !== undefined) {
    const address = serverAddress(server);
    const [name, same] = Object.entries(known.profiles).find((entry) => entry[1].server === address) ?? [];
    const token = process.env.PARTWAY_TOKEN;
    if (!token && same !== undefined) return { ...same, from: `profile ${name}` };
    return { server: address, credentials: await needToken(address), from: '--server' };
  }
  if (known.current !== undefined) {
    return { ...getProfile(known, known.current), from: `profile ${known.current}` };
  }
  return { ...(await needServerHere()), from: 'the server of this folder' };
}

async function needServerHere(): Promise<Pick<ChosenServer, 'server' | 'credentials'>> {
  const server = serverHere();
  const credentials = await tokenFor(server);
  if (credentials !== undefined) return { server, credentials };
  throw new Failure(
    EXIT.notLetIn,
    `No server is known. Log in to one (partway login), or start one here (partway serve): ${dataFolder()} holds no token of one.`,
  );
}

async function needToken(address: string): Promise<Credentials> {
  const credentials = await tokenFor(address);
  if (credentials !== undefined) return credentials;
  throw new Failure(
    EXIT.notLetIn,
    `There is no token for ${address}. Log in with: partway login --server ${address} (or set PARTWAY_TOKEN).`,
  );
}

async function tokenFor(address: string): Promise<Credentials | undefined> {
  const token = process.env.PARTWAY_TOKEN || (isLoopbackAddress(address) ? await developerToken() : undefined);
  return token === undefined ? undefined : { kind: 'token', token };
}

/** Where `partway serve` listens with the same environment. */
function serverHere(): string {
  const { PARTWAY_LISTEN, PARTWAY_TLS_CERT, PARTWAY_DATA } = process.env;
  const { listen } = readConfig({
    ...(PARTWAY_LISTEN !== undefined && { PARTWAY_LISTEN }),
    ...(PARTWAY_DATA !== undefined && { PARTWAY_DATA }),
  });
  return `${PARTWAY_TLS_CERT ? 'https' : 'http'}://${reachable(listen.host)}:${listen.port}`;
}

/** A host to connect to, for one to listen on. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/** The developer token that a server keeps in the data folder here, where there is one. */
async function developerToken(): Promise<string | undefined> {
  const token = await readFile(join(dataFolder(), 'developer-token'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return token.trim() || undefined;
}

function dataFolder(): string {
  return process.env.PARTWAY_DATA || './data';
}
