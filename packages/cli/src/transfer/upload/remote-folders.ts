import type { NodeClient } from '@partway/client/node/index';
import { nameKey } from '@partway/protocol/names';
import { ensureFolder, notAFolderError } from '../../remote/ensure-folder.ts';
import { emptyListing, type Listing, queryListing, readListing } from './remote-listing.ts';
import type { UploadFolder } from './upload-folder.ts';

/** In the target folder, which may be large, up to this many names are queried one by one instead of listing it. */
const MAX_QUERIED_NAMES = 3;

/** A folder on the server that files are uploaded to. */
interface RemoteFolder {
  id: string;
  /** The items of the folder, read once on demand. */
  listing(): Promise<Listing>;
}

interface OpenFolder extends RemoteFolder {
  children: Map<string, Promise<{ id: string; isNew: boolean }>>;
}

/**
 * The folders on the server that files are uploaded to. Each is created when it is first needed, and listed at most once; a
 * new folder is not listed. An entry is garbage-collected with its `UploadFolder`.
 */
export class RemoteFolders {
  readonly #client: NodeClient;
  readonly #signal: AbortSignal;
  readonly #renames: boolean;
  readonly #folders = new WeakMap<UploadFolder, Promise<OpenFolder>>();
  readonly #rootId: string;

  constructor(client: NodeClient, rootId: string, { signal, renames }: { signal: AbortSignal; renames: boolean }) {
    this.#client = client;
    this.#rootId = rootId;
    this.#signal = signal;
    this.#renames = renames;
  }

  /** Returns the folder on the server, and creates it if it does not exist. */
  ensure(folder: UploadFolder): Promise<RemoteFolder> {
    return this.#ensure(folder);
  }

  #ensure(folder: UploadFolder): Promise<OpenFolder> {
    let open = this.#folders.get(folder);
    if (open === undefined) {
      open = this.#open(folder);
      this.#folders.set(folder, open);
    }
    return open;
  }

  async #open(folder: UploadFolder): Promise<OpenFolder> {
    if (folder.parent === undefined) return this.#createOpenFolder(this.#rootId, folder, false);
    const parent = await this.#ensure(folder.parent);
    const key = nameKey(folder.name);
    let child = parent.children.get(key);
    if (child === undefined) {
      child = this.#create(parent, folder.name);
      parent.children.set(key, child);
    }
    const { id, isNew } = await child;
    // Another source of the run may use this folder again. It is no longer empty then.
    parent.children.set(key, Promise.resolve({ id, isNew: false }));
    return this.#createOpenFolder(id, folder, isNew);
  }

  #createOpenFolder(id: string, folder: UploadFolder, isNew: boolean): OpenFolder {
    let listing: Promise<Listing> | undefined;
    const ref = { client: this.#client, folderId: id, signal: this.#signal };
    const read = async () => {
      if (isNew) return emptyListing();
      if (folder.parent === undefined && folder.names.length <= MAX_QUERIED_NAMES) return queryListing(ref);
      return readListing(ref, folder.names, { renames: this.#renames });
    };
    return {
      id,
      children: new Map(),
      listing() {
        listing ??= read();
        return listing;
      },
    };
  }

  async #create(parent: OpenFolder, name: string): Promise<{ id: string; isNew: boolean }> {
    const existing = await (await parent.listing()).find(name);
    if (existing?.type === 'folder') return { id: existing.id, isNew: false };
    if (existing !== undefined) throw notAFolderError(name);
    return ensureFolder(this.#client, parent.id, name, { signal: this.#signal });
  }
}
