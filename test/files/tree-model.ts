import type { ItemId } from '../../packages/protocol/src/ids.ts';

/** A file or folder as a child would draw it. */
export interface Node {
  id: ItemId;
  kind: 'file' | 'folder';
  name: string;
  /** Undefined for the root. */
  parent: Node | undefined;
  /** With what it went to the trash. */
  trashedWith: Node | undefined;
  /** A file's, the current one last. */
  versions: { name: string; size: number }[];
}

/** What the model says of an act: nothing where it is done, or the code with which it is refused. */
export type Outcome = string | undefined;

/** Files and folders as plain objects in a list: slow, simple, and plainly right. */
export class TreeModel {
  readonly root: Node;
  nodes: Node[];

  constructor(rootId: ItemId) {
    this.root = node({ id: rootId, kind: 'folder', name: 'All Files' });
    this.nodes = [this.root];
  }

  create(made: Node): Outcome {
    return this.#refusesPlace(made.parent, made.name) ?? this.#add(made);
  }

  rename(item: Node, name: string): Outcome {
    return this.#refusesChange(item) ?? (name === item.name ? undefined : this.#place(item, item.parent, name));
  }

  move(item: Node, to: Node): Outcome {
    if (item.trashedWith === undefined && item.parent !== undefined && isIn(to, item)) return 'cyclical-move';
    return this.#refusesChange(item) ?? (to === item.parent ? undefined : this.#place(item, to, item.name));
  }

  /** `copies` makes the nodes, which have ids that only the server knows. */
  copy(item: Node, to: Node, name: string): Outcome {
    const refused = this.#refusesChange(item) ?? (to.trashedWith && 'trashed');
    if (refused !== undefined) return refused;
    return isIn(to, item) ? 'cyclical-move' : this.#refusesPlace(to, name);
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
    const refused = this.#refusesChange(item);
    if (refused !== undefined) return refused;
    for (const one of this.nodes) if (isIn(one, item) && one.trashedWith === undefined) one.trashedWith = item;
    return undefined;
  }

  restore(item: Node, to: Node | undefined): Outcome {
    const refused = refusesLeaving(item) ?? this.#refusesPlace(to ?? item.parent, item.name);
    if (refused !== undefined) return refused;
    item.parent = to ?? item.parent;
    for (const one of this.nodes) if (one.trashedWith === item) one.trashedWith = undefined;
    return undefined;
  }

  purge(item: Node): Outcome {
    const refused = refusesLeaving(item);
    if (refused !== undefined) return refused;
    const gone = new Set(this.nodes.filter((one) => one.trashedWith === item));
    this.nodes = this.nodes.filter((one) => !gone.has(one));
    for (const one of this.nodes) if (one.parent && gone.has(one.parent)) one.parent = this.root;
    return undefined;
  }

  #refusesChange(item: Node): Outcome {
    if (item.trashedWith !== undefined) return 'trashed';
    return item.parent === undefined ? 'permission-denied' : undefined;
  }

  #refusesPlace(folder: Node | undefined, name: string, except?: Node): Outcome {
    if (folder?.trashedWith !== undefined) return 'trashed';
    return this.#isTaken(folder, name, except) ? 'name-in-use' : undefined;
  }

  #isTaken(folder: Node | undefined, name: string, except?: Node): boolean {
    return childrenOf(this.nodes, folder).some(
      (one) => one !== except && one.name.toLowerCase() === name.toLowerCase(),
    );
  }

  #place(item: Node, folder: Node | undefined, name: string): Outcome {
    const refused = this.#refusesPlace(folder, name, item);
    if (refused !== undefined) return refused;
    Object.assign(item, { parent: folder, name });
    const current = item.versions.at(-1);
    if (current !== undefined) current.name = name;
    return undefined;
  }

  #add(made: Node): undefined {
    this.nodes.push(made);
  }
}

export function node(its: Pick<Node, 'id' | 'kind' | 'name'> & Partial<Node>): Node {
  return { parent: undefined, trashedWith: undefined, versions: [], ...its };
}

/** The items in use in a folder. */
export function childrenOf(nodes: readonly Node[], folder: Node | undefined): Node[] {
  return nodes.filter((one) => one.parent === folder && one.parent !== undefined && one.trashedWith === undefined);
}

/** Whether `item` is `folder`, or below it. */
export function isIn(item: Node, folder: Node): boolean {
  return item === folder || (item.parent !== undefined && isIn(item.parent, folder));
}

function refusesLeaving(item: Node): Outcome {
  if (item.trashedWith === undefined) return 'not-trashed';
  return item.trashedWith === item ? undefined : 'trashed';
}
