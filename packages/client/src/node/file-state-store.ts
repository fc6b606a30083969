import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { StateStore, UploadState } from '../state.ts';

/**
 * Returns `$XDG_STATE_HOME/partway/uploads`, by default `~/.local/state/partway/uploads`. On Windows, the default is
 * `%LOCALAPPDATA%\partway\uploads`.
 */
export function defaultStateFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base =
    env.XDG_STATE_HOME ||
    (process.platform === 'win32' && env.LOCALAPPDATA) ||
    join(env.HOME || homedir(), '.local', 'state');
  return join(base, 'partway', 'uploads');
}

/**
 * Saves each state in its own file, which only the user can read. Files are written atomically and synced. `list` deletes
 * states whose sessions have expired.
 */
export function fileStateStore(folder: string = defaultStateFolder()): StateStore {
  const statePath = (key: string) =>
    join(folder, `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.json`);

  return {
    get: (key) => readState(statePath(key), key),

    async set(state) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const path = statePath(state.key);
      const temporary = `${path}.${randomUUID()}`;
      try {
        await using file = await open(temporary, 'wx', 0o600);
        await file.writeFile(`${JSON.stringify(state, null, 2)}\n`);
        await file.sync();
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      await rename(temporary, path);
    },

    delete: (key) => rm(statePath(key), { force: true }),

    async list() {
      const states: UploadState[] = [];
      for (const name of await listNames(folder)) {
        if (!name.endsWith('.json')) continue;
        const path = join(folder, name);
        const state = await readState(path);
        if (state === undefined) continue;
        if (Date.parse(state.session.expiresAt) > Date.now()) states.push(state);
        else await rm(path, { force: true });
      }
      return states;
    },
  };
}

async function listNames(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Returns undefined if there is no state, or one that this version cannot read: the upload then starts from scratch. */
async function readState(path: string, key?: string): Promise<UploadState | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return parseState(text, key);
}

function parseState(text: string, key?: string): UploadState | undefined {
  try {
    const state = JSON.parse(text) as UploadState;
    return state.version === 1 && (key === undefined || state.key === key) ? state : undefined;
  } catch {
    return undefined;
  }
}
