import { randomUUID } from 'node:crypto';
import { lstat, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';
import { parentOf, pathKey } from '../../remote/paths.ts';
import { type DownloadRun, downloadOne } from '../download/download-one.ts';
import { ensureLocalFolder, ensureNamedFolder } from '../download/local-folder.ts';
import { isPartialName, localName } from '../download/local-target.ts';
import { toRemoteVersion } from '../download/remote-files.ts';
import type { Destination } from './destination.ts';
import type { Deletion, Transfer } from './plan.ts';
import type { Tree, TreeEntry } from './tree.ts';

/** A local folder into which one on the server is synced. */
export class LocalDestination implements Destination {
  readonly removal = 'deleted';
  readonly #run: DownloadRun;
  readonly #folder: string;
  readonly #tree: Tree;
  /** Items that were put aside, and where they are. */
  readonly #aside = new Map<TreeEntry, string>();
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
      const folder = await this.#ensure(parentOf(path));
      const target = join(folder, nameOf(destination?.path ?? path));
      await downloadOne(this.#run, { label: path, remote: toRemoteVersion(remote), size, target, release() {} });
    } catch (error) {
      tally.recordFailure(error, report.begin({ label: path, totalBytes: size }));
    }
  }

  /**
   * Deletes only what is as it was when it was read: folders only if they are empty, and files only if they have not been
   * changed since.
   */
  async remove({ entry, contents }: Deletion): Promise<void> {
    const aside = this.#aside.get(entry);
    const top = aside ?? join(this.#folder, entry.path);
    for (const item of [entry, ...contents].reverse()) {
      const local = join(top, item.path.slice(entry.path.length));
      if (item.kind === 'folder') await rmdir(local);
      else {
        // Putting a file aside has changed its time, and it was checked then.
        if (local !== aside) await this.#assertUnchanged(local, item);
        await unlink(local);
      }
    }
  }

  async #assertUnchanged(local: string, { path, size }: TreeEntry): Promise<void> {
    const found = await lstat(local);
    if (found.isFile() && found.size === size && found.ctimeMs <= this.#tree.readAt) return;
    throw new Failure(EXIT.failed, `${escapeControl(path)} was changed during the sync, and was kept.`);
  }

  async putAside({ entry }: Deletion): Promise<void> {
    const local = join(this.#folder, entry.path);
    if (entry.kind === 'file') await this.#assertUnchanged(local, entry);
    // Other runs ignore it, as a partial download.
    const aside = join(dirname(local), `.partway-replaced-${randomUUID()}.part`);
    await rename(local, aside);
    this.#aside.set(entry, aside);
  }

  async putBack({ entry }: Deletion): Promise<void> {
    const aside = this.#aside.get(entry);
    if (aside === undefined) return;
    const local = join(this.#folder, entry.path);
    await removeIncomplete(local);
    if ((await lstat(local).catch(() => undefined)) === undefined) return rename(aside, local);
    const message = `${escapeControl(entry.path)} could not be replaced completely. What was there before is in ${escapeControl(aside)}.`;
    throw new Failure(EXIT.failed, message);
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
    const parent = await this.#ensure(parentOf(path));
    const existing = this.#tree.entries.get(key);
    const folder = join(parent, nameOf(existing?.kind === 'folder' ? existing.path : path));
    await ensureLocalFolder(folder);
    return folder;
  }
}

/** Removes a folder that a sync has created, if no file in it is complete. */
async function removeIncomplete(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => undefined);
  if (names?.every(isPartialName) !== true) return;
  for (const name of names) await unlink(join(folder, name));
  await rmdir(folder);
}

function nameOf(path: string): string {
  return localName(path.slice(path.lastIndexOf('/') + 1));
}
