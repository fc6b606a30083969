import { lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CliFixture } from './cli-fixture.ts';

/** Files by path. A path with a slash at the end is a folder. */
export type Tree = Record<string, string>;

/** Creates and reads folders, locally and on the server, and syncs them. */
export function syncTools(getPlace: () => CliFixture) {
  /** Creates a local folder with these files. A path with a slash at the end is an empty folder. */
  async function create(folder: string, files: Tree): Promise<void> {
    await mkdir(getPlace().at(folder), { recursive: true });
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(getPlace().at(folder, `${path}x`)), { recursive: true });
      if (!path.endsWith('/')) await writeFile(getPlace().at(folder, path), text);
    }
  }

  async function readLocal(folder: string): Promise<Tree> {
    const tree: Tree = {};
    for (const path of await readdir(getPlace().at(folder), { recursive: true })) {
      const found = await lstat(getPlace().at(folder, path));
      if (found.isDirectory()) tree[`${path}/`] = '';
      else tree[path] = found.isSymbolicLink() ? '(link)' : await readFile(getPlace().at(folder, path), 'utf8');
    }
    return tree;
  }

  /** Creates the same on the server. */
  async function createRemote(name: string, files: Tree): Promise<void> {
    await create(`remote/${name}`, files);
    await getPlace().json('upload', '-r', `remote/${name}`);
  }

  /** The contents of a folder on the server, by a download without `sync`. */
  async function readRemote(name: string): Promise<Tree> {
    await rm(getPlace().at('read'), { recursive: true, force: true });
    await getPlace().json('download', '-r', `/${name}`, '--to', 'read');
    return readLocal(join('read', name));
  }

  const sync = (...args: string[]) => getPlace().run(['sync', ...args]);

  /** Runs one case in both directions. `readDestination` returns what the destination has. */
  async function bothWays(
    name: string,
    { source, destination }: { source: Tree; destination: Tree },
    check: (
      run: (...flags: string[]) => ReturnType<typeof sync>,
      readDestination: () => Promise<Tree>,
    ) => Promise<void>,
  ): Promise<void> {
    await create(`up ${name}`, source);
    await createRemote(`up ${name}`, destination);
    await check(
      (...flags) => sync(`up ${name}`, '--to', `/up ${name}`, ...flags),
      () => readRemote(`up ${name}`),
    );
    await createRemote(`down ${name}`, source);
    await create(`down ${name}`, destination);
    await check(
      (...flags) => sync(`down ${name}`, '--from', `/down ${name}`, ...flags),
      () => readLocal(`down ${name}`),
    );
  }

  return { create, readLocal, createRemote, readRemote, sync, bothWays };
}
