import type { NodeClient } from '../../client/node/index.ts';
import { ensureFolder } from '../remote/ensure-folder.ts';

/** The folders below one on the server that uploads go into; made when they are first needed, each once. */
export class RemoteFolders {
  readonly #client: NodeClient;
  readonly #rootId: string;
  readonly #known = new Map<string, Promise<string>>();

  constructor(client: NodeClient, rootId: string) {
    this.#client = client;
    this.#rootId = rootId;
  }

  /** The id of the folder with these names, from the outermost on. */
  idOf(names: readonly string[]): Promise<string> {
    const name = names.at(-1);
    if (name === undefined) return Promise.resolve(this.#rootId);
    const key = names.join('/');
    let id = this.#known.get(key);
    if (id === undefined) {
      id = this.#make(names.slice(0, -1), name);
      this.#known.set(key, id);
    }
    return id;
  }

  async #make(above: readonly string[], name: string): Promise<string> {
    return (await ensureFolder(this.#client, await this.idOf(above), name)).id;
  }
}
