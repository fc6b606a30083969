import type { NodeClient } from '@partway/client/node/index';
import { nameKey } from '@partway/protocol/names';
import { ensureFolder, notAFolder } from '../../remote/ensure-folder.ts';
import { askEach, emptyListing, type Listing, listFor } from './remote-listing.ts';
import type { UploadFolder } from './upload-folder.ts';

/** So few names are asked for one by one rather than the folder listed that the user named, which may hold anything. */
const FEW_NAMES = 3;

/** A folder on the server that files go into. */
interface RemoteFolder {
  id: string;
  /** What is there; read when it is first asked for, once. */
  listing(): Promise<Listing>;
}

interface Known extends RemoteFolder {
  children: Map<string, Promise<{ id: string; isNew: boolean }>>;
}

/**
 * The folders on the server that uploads go into: each is made when it is first needed, and listed at most once; one that was
 * made just now is empty. What is known of a folder goes when its `UploadFolder` does.
 */
export class RemoteFolders {
  readonly #client: NodeClient;
  readonly #signal: AbortSignal;
  readonly #renames: boolean;
  readonly #known = new WeakMap<UploadFolder, Promise<Known>>();
  readonly #rootId: string;

  constructor(client: NodeClient, rootId: string, { signal, renames }: { signal: AbortSignal; renames: boolean }) {
    this.#client = client;
    this.#rootId = rootId;
    this.#signal = signal;
    this.#renames = renames;
  }

  /** The folder on the server, made where it is not there yet. */
  at(folder: UploadFolder): Promise<RemoteFolder> {
    return this.#at(folder);
  }

  #at(folder: UploadFolder): Promise<Known> {
    let known = this.#known.get(folder);
    if (known === undefined) {
      known = this.#open(folder);
      this.#known.set(folder, known);
    }
    return known;
  }

  async #open(folder: UploadFolder): Promise<Known> {
    if (folder.parent === undefined) return this.#folder(this.#rootId, folder, false);
    const parent = await this.#at(folder.parent);
    const key = nameKey(folder.name);
    let child = parent.children.get(key);
    if (child === undefined) {
      child = this.#make(parent, folder.name);
      parent.children.set(key, child);
    }
    const { id, isNew } = await child;
    // A second source of the run finds there what the first one has sent.
    parent.children.set(key, Promise.resolve({ id, isNew: false }));
    return this.#folder(id, folder, isNew);
  }

  #folder(id: string, folder: UploadFolder, isNew: boolean): Known {
    let listing: Promise<Listing> | undefined;
    const place = { client: this.#client, folderId: id, signal: this.#signal };
    const read = async () => {
      if (isNew) return emptyListing();
      if (folder.parent === undefined && folder.names.length <= FEW_NAMES) return askEach(place);
      return listFor(place, folder.names, { renames: this.#renames });
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

  async #make(parent: Known, name: string): Promise<{ id: string; isNew: boolean }> {
    const there = await (await parent.listing()).find(name);
    if (there?.type === 'folder') return { id: there.id, isNew: false };
    if (there !== undefined) throw notAFolder(name);
    return ensureFolder(this.#client, parent.id, name, { signal: this.#signal });
  }
}
