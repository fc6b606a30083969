import { chmod, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { writeAtomically } from '@partway/server/data-folder/secret-file';
import { EXIT, Failure } from '../exit-codes.ts';
import type { Profiles } from './profile.ts';
import { withLock } from './profiles-lock.ts';

/** Returns the path of the profiles: `profiles.json` in `$XDG_CONFIG_HOME/partway`, or in `~/.config/partway`. */
export function profilesPath(): string {
  return join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'partway', 'profiles.json');
}

/** Reads all profiles; none if there is no file yet. Resets the file's mode to 0600, because copies can lose it. */
export async function readProfiles(): Promise<Profiles> {
  const path = profilesPath();
  let text: string;
  try {
    text = await readFile(path, 'utf8');
    await chmod(path, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { profiles: {} };
    throw error;
  }
  return parseProfiles(text, path);
}

/**
 * Calls `change` with all profiles and with a function that replaces them. Other processes wait meanwhile, so that no change
 * is lost.
 */
export function updateProfiles<T>(
  change: (saved: Profiles, write: (changed: Profiles) => Promise<void>) => Promise<T>,
): Promise<T> {
  const path = profilesPath();
  return withLock(path, async () =>
    change(await readProfiles(), (changed) => writeAtomically(path, `${JSON.stringify(changed, undefined, 2)}\n`)),
  );
}

function parseProfiles(text: string, path: string): Profiles {
  try {
    const value: unknown = JSON.parse(text);
    if (isProfiles(value)) return value;
  } catch {
    // Reported below.
  }
  throw new Failure(
    EXIT.failed,
    `${path} is not a valid profiles file. Fix it, or move it and log in again with partway login.`,
  );
}

function isProfiles(value: unknown): value is Profiles {
  if (!isObject(value) || !isObject(value.profiles)) return false;
  if (value.current !== undefined && typeof value.current !== 'string') return false;
  return Object.values(value.profiles).every(
    (profile) => isObject(profile) && isText(profile.server) && isCredentials(profile.credentials),
  );
}

function isCredentials(value: unknown): boolean {
  if (!isObject(value)) return false;
  if (value.kind === 'token') return isText(value.token);
  if (value.kind === 'browser') {
    return isText(value.accessToken) && isText(value.refreshToken) && typeof value.expiresAt === 'number';
  }
  const { kind, clientId, clientSecret, subject } = value;
  if (kind !== 'app' || !isText(clientId) || !isText(clientSecret) || !isObject(subject)) return false;
  return (subject.type === 'user' || subject.type === 'enterprise') && isText(subject.id);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
