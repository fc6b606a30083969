import { rmdir, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type DownloadRun, downloadOne } from '../download/download-one.ts';
import { ensureLocalFolder, ensureNamedFolder } from '../download/local-folder.ts';
import { localName } from '../download/local-target.ts';
import { toRemoteVersion } from '../download/remote-files.ts';
import type { Destination } from './destination.ts';
import type { Deletion, Transfer } from './plan.ts';
import { pathKey, type Tree } from './tree.ts';

/** A local folder into which one on the server is synced. */
export class LocalDestination implements Destination {
  readonly removal = 'deleted';
  readonly #run: DownloadRun;
  readonly #folder: string;
  readonly #tree: Tree;
  /** Folders that exist, by key. */
  readonly #folders = new Map<string, Promise<string>>();

  constructor(run: Omit<DownloadRun, 'force'>, folder: string, tree: Tree) {
    this.#run = { ...run, force: true };
    this.#folder = resolve(folder);
    this.#tree = tree;
  }

  async createFolder(path: string): Promise<void> {
    await this.#ensure(path);
  }

  async send({ source: { path, remote, size }, destination }: Transfer): Promise<void> {
    const { report, tally } = this.#run;
    try {
      if (remote === undefined) throw new Error('This is not a file on the server.');
      const folder = await this.#ensure(path.slice(0, Math.max(path.lastIndexOf('/'), 0)));
      const target = join(folder, nameOf(destination?.path ?? path));
      await downloadOne(this.#run, { label: path, remote: toRemoteVersion(remote), size, target, release() {} });
    } catch (error) {
      tally.recordFailure(error, report.begin({ label: path, totalBytes: size }));
    }
  }

  /** Folders are deleted only if they are empty, so nothing is lost that was created in the meantime. */
  async remove({ entry, contents }: Deletion): Promise<void> {
    for (const { kind, path } of [entry, ...contents].reverse()) {
      const local = join(this.#folder, path);
      await (kind === 'folder' ? rmdir(local) : unlink(local));
    }
  }

  /** Names come from the server and are not trusted; links are not followed. */
  #ensure(path: string): Promise<string> {
    const key = pathKey(path);
    let folder = this.#folders.get(key);
    if (folder === undefined) {
      folder = this.#create(path, key);
      this.#folders.set(key, folder);
    }
    return folder;
  }

  async #create(path: string, key: string): Promise<string> {
    if (path === '') {
      await ensureNamedFolder(this.#folder);
      return this.#folder;
    }
    const parent = await this.#ensure(path.slice(0, Math.max(path.lastIndexOf('/'), 0)));
    const existing = this.#tree.entries.get(key);
    const folder = join(parent, nameOf(existing?.kind === 'folder' ? existing.path : path));
    await ensureLocalFolder(folder);
    return folder;
  }
}

function nameOf(path: string): string {
  return localName(path.slice(path.lastIndexOf('/') + 1));
}
