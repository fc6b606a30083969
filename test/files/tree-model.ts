import type { ItemId } from '../../packages/protocol/src/ids.ts';

/** A file or folder in the model. */
export interface Node {
  id: ItemId;
  kind: 'file' | 'folder';
  name: string;
  /** Undefined for the root. */
  parent: Node | undefined;
  /** The item with which it was moved to the trash. */
  trashedWith: Node | undefined;
  /** The versions of a file, the current one last. */
  versions: { name: string; size: number }[];
}

/** The result of an operation in the model: undefined if it succeeds, otherwise the code of its error. */
export type Outcome = string | undefined;

/** Files and folders as plain objects in a list: slow, simple, and obviously correct. */
export class TreeModel {
  readonly root: Node;
  nodes: Node[];

  constructor(rootId: ItemId) {
    this.root = createNode({ id: rootId, kind: 'folder', name: 'All Files' });
    this.nodes = [this.root];
  }

  create(created: Node): Outcome {
    return this.#checkPlace(created.parent, created.name) ?? this.#add(created);
  }

  rename(item: Node, name: string): Outcome {
    return this.#checkChange(item) ?? (name === item.name ? undefined : this.#place(item, item.parent, name));
  }

  move(item: Node, to: Node): Outcome {
    if (item.trashedWith === undefined && item.parent !== undefined && isIn(to, item)) return 'cyclical-move';
    return this.#checkChange(item) ?? (to === item.parent ? undefined : this.#place(item, to, item.name));
  }

  /** The test adds the copied nodes, because only the server knows their IDs. */
  copy(item: Node, to: Node, name: string): Outcome {
    const error = this.#checkChange(item) ?? (to.trashedWith && 'trashed');
    if (error !== undefined) return error;
    return isIn(to, item) ? 'cyclical-move' : this.#checkPlace(to, name);
  }

  addVersion(file: Node, size: number): Outcome {
    if (file.trashedWith !== undefined) return 'trashed';
    file.versions.push({ name: file.name, size });
    return undefined;
  }

  promote(file: Node, index: number): Outcome {
    if (file.trashedWith !== undefined) return 'trashed';
    const version = file.versions[index];
    if (version === undefined || index === file.versions.length - 1) return undefined;
    if (version.name !== file.name && this.#isTaken(file.parent, version.name, file)) return 'name-in-use';
    file.versions.push({ ...version });
    file.name = version.name;
    return undefined;
  }

  trash(item: Node): Outcome {
    const error = this.#checkChange(item);
    if (error !== undefined) return error;
    for (const one of this.nodes) if (isIn(one, item) && one.trashedWith === undefined) one.trashedWith = item;
    return undefined;
  }

  restore(item: Node, to: Node | undefined): Outcome {
    const error = checkInTrash(item) ?? this.#checkPlace(to ?? item.parent, item.name);
    if (error !== undefined) return error;
    item.parent = to ?? item.parent;
    for (const one of this.nodes) if (one.trashedWith === item) one.trashedWith = undefined;
    return undefined;
  }

  purge(item: Node): Outcome {
    const error = checkInTrash(item);
    if (error !== undefined) return error;
    const purged = new Set(this.nodes.filter((one) => one.trashedWith === item));
    this.nodes = this.nodes.filter((one) => !purged.has(one));
    for (const one of this.nodes) if (one.parent && purged.has(one.parent)) one.parent = this.root;
    return undefined;
  }

  #checkChange(item: Node): Outcome {
    if (item.trashedWith !== undefined) return 'trashed';
    return item.parent === undefined ? 'permission-denied' : undefined;
  }

  #checkPlace(folder: Node | undefined, name: string, except?: Node): Outcome {
    if (folder?.trashedWith !== undefined) return 'trashed';
    return this.#isTaken(folder, name, except) ? 'name-in-use' : undefined;
  }

  #isTaken(folder: Node | undefined, name: string, except?: Node): boolean {
    return listChildren(this.nodes, folder).some(
      (one) => one !== except && one.name.toLowerCase() === name.toLowerCase(),
    );
  }

  #place(item: Node, folder: Node | undefined, name: string): Outcome {
    const error = this.#checkPlace(folder, name, item);
    if (error !== undefined) return error;
    Object.assign(item, { parent: folder, name });
    const current = item.versions.at(-1);
    if (current !== undefined) current.name = name;
    return undefined;
  }

  #add(created: Node): undefined {
    this.nodes.push(created);
  }
}

export function createNode(fields: Pick<Node, 'id' | 'kind' | 'name'> & Partial<Node>): Node {
  return { parent: undefined, trashedWith: undefined, versions: [], ...fields };
}

/** The items in use in a folder. */
export function listChildren(nodes: readonly Node[], folder: Node | undefined): Node[] {
  return nodes.filter((one) => one.parent === folder && one.parent !== undefined && one.trashedWith === undefined);
}

/** Whether `item` is `folder`, or below it. */
export function isIn(item: Node, folder: Node): boolean {
  return item === folder || (item.parent !== undefined && isIn(item.parent, folder));
}

function checkInTrash(item: Node): Outcome {
  if (item.trashedWith === undefined) return 'not-trashed';
  return item.trashedWith === item ? undefined : 'trashed';
}
