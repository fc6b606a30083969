import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '@partway/server/config/config';
import { EXIT, Failure } from '../exit-codes.ts';
import { isLoopbackAddress, parseServerAddress } from './address.ts';
import { type Credentials, getProfile, type Profiles } from './profile.ts';
import { readProfiles } from './profiles-file.ts';
import type { ServerChoice } from './server-options.ts';

/** A server with credentials, and why it was chosen. */
export interface ChosenServer {
  server: string;
  credentials: Credentials;
  /** The name of the profile that they are from, if any. */
  profile?: string;
  /** For people: "profile work", "--server", "the server of this folder". */
  from: string;
}

/**
 * Chooses the server of a command. A token is sent only to the server that it belongs to: that of a profile to the
 * profile's server, and PARTWAY_TOKEN to the server that is set next to it, or to the local one. In this order:
 *
 * 1. `--profile` (or PARTWAY_PROFILE);
 * 2. `--server` (or PARTWAY_SERVER), with PARTWAY_TOKEN, with the profile of this server, or, on a loopback address, with
 *    the developer token of the local data folder;
 * 3. the default profile (`partway use`);
 * 4. the server that `partway serve` would start with the same environment.
 *
 * @throws Failure if there is no such profile, or no token.
 */
export async function chooseServer({ profile, server }: ServerChoice): Promise<ChosenServer> {
  const saved = await readProfiles();
  if (profile !== undefined) return chooseProfile(saved, profile);
  if (server !== undefined) {
    const address = parseServerAddress(server);
    const name = Object.keys(saved.profiles).find((each) => saved.profiles[each]?.server === address);
    if (!process.env.PARTWAY_TOKEN && name !== undefined) return chooseProfile(saved, name);
    return { server: address, credentials: await getToken(address), from: '--server' };
  }
  if (saved.current !== undefined) return chooseProfile(saved, saved.current);
  return { ...(await getLocalServer()), from: 'the server of this folder' };
}

function chooseProfile(saved: Profiles, name: string): ChosenServer {
  return { ...getProfile(saved, name), profile: name, from: `profile ${name}` };
}

async function getLocalServer(): Promise<Pick<ChosenServer, 'server' | 'credentials'>> {
  const server = localServerAddress();
  const credentials = await findToken(server);
  if (credentials !== undefined) return { server, credentials };
  throw new Failure(
    EXIT.accessDenied,
    `No server is configured. Log in (partway login), or start a server here (partway serve): there is no developer token in ${dataFolder()}.`,
  );
}

async function getToken(address: string): Promise<Credentials> {
  const credentials = await findToken(address);
  if (credentials !== undefined) return credentials;
  throw new Failure(
    EXIT.accessDenied,
    `There is no token for ${address}. Log in with: partway login --server ${address} (or set PARTWAY_TOKEN).`,
  );
}

async function findToken(address: string): Promise<Credentials | undefined> {
  const token = process.env.PARTWAY_TOKEN || (isLoopbackAddress(address) ? await readDeveloperToken() : undefined);
  return token === undefined ? undefined : { kind: 'token', token };
}

/** Returns the address on which `partway serve` listens with the same environment. */
function localServerAddress(): string {
  const { PARTWAY_LISTEN, PARTWAY_TLS_CERT, PARTWAY_DATA } = process.env;
  const { listen } = readConfig({
    ...(PARTWAY_LISTEN !== undefined && { PARTWAY_LISTEN }),
    ...(PARTWAY_DATA !== undefined && { PARTWAY_DATA }),
  });
  return `${PARTWAY_TLS_CERT ? 'https' : 'http'}://${connectHost(listen.host)}:${listen.port}`;
}

/** Returns the host to connect to for a host to listen on. */
function connectHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/** Reads the developer token from the local data folder, if there is one. */
async function readDeveloperToken(): Promise<string | undefined> {
  const token = await readFile(join(dataFolder(), 'developer-token'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return token.trim() || undefined;
}

function dataFolder(): string {
  return process.env.PARTWAY_DATA || './data';
}
