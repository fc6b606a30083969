import { ensureFolder } from '../../remote/ensure-folder.ts';
import { parentOf, pathKey } from '../../remote/paths.ts';
import { type SendRun, sendFile } from '../upload/upload-one.ts';
import type { Destination } from './destination.ts';
import type { Deletion, Transfer } from './plan.ts';
import type { Tree, TreeEntry } from './tree.ts';

/** A folder on the server into which a local one is synced. */
export class RemoteDestination implements Destination {
  readonly removal = 'moved to the trash';
  readonly #run: SendRun;
  readonly #tree: Tree;
  /** What is in the trash already. */
  readonly #removed = new Set<TreeEntry>();
  /** IDs of folders, by key. */
  readonly #ids = new Map<string, Promise<string>>();

  constructor(run: SendRun, rootId: string, tree: Tree) {
    this.#run = run;
    this.#tree = tree;
    this.#ids.set('', Promise.resolve(rootId));
  }

  async createFolder(path: string): Promise<void> {
    await this.#ensure(path);
  }

  async send({ source, destination }: Transfer): Promise<void> {
    const { report, tally } = this.#run;
    const running = report.begin({ label: source.path, totalBytes: source.size });
    try {
      const file = source.local;
      if (file === undefined) throw new Error('This is not a local file.');
      const folderId = await this.#ensure(parentOf(source.path));
      const existing = destination?.remote;
      const taken = new Map(
        existing?.type === 'file'
          ? [[file.name, { ...existing, type: 'file', sha1: existing.sha1 ?? '' } as const]]
          : [],
      );
      await sendFile(this.#run, file, { folderId, name: file.name, taken, running });
    } catch (error) {
      tally.recordFailure(error, running);
    }
  }

  /** The trash keeps it, so this is the deletion. */
  async putAside(deletion: Deletion): Promise<void> {
    await this.remove(deletion);
    this.#removed.add(deletion.entry);
  }

  /** The user can restore it from the trash, unless something else has its name already. */
  async putBack(): Promise<void> {}

  async remove({ entry }: Deletion): Promise<void> {
    const { client, signal } = this.#run;
    const { remote } = entry;
    if (remote === undefined || this.#removed.has(entry)) return;
    if (remote.type === 'file') await client.files.deleteFileById(remote.id, { signal });
    else await client.folders.deleteFolderById(remote.id, { queryParams: { recursive: true }, signal });
  }

  #ensure(path: string): Promise<string> {
    const key = pathKey(path);
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#findOrCreate(path, key);
      this.#ids.set(key, id);
    }
    return id;
  }

  async #findOrCreate(path: string, key: string): Promise<string> {
    const existing = this.#tree.entries.get(key);
    if (existing?.kind === 'folder' && existing.remote !== undefined) return existing.remote.id;
    const { client, signal } = this.#run;
    const parentId = await this.#ensure(parentOf(path));
    return (await ensureFolder(client, parentId, path.slice(path.lastIndexOf('/') + 1), { signal })).id;
  }
}
