import { itemNameFault, nameKey } from '@partway/protocol/names';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';

/** Something here that claims a name on the server. */
export interface Source {
  /** As people see it. */
  path: string;
  /** Where it really is: two sources with one identity are the same. */
  identity: string;
}

interface Claim extends Source {
  kind: 'file' | 'folder';
  name: string;
}

/** A second source of one run for a name on the server. */
export class NameConflictError extends Failure {
  /** Whether both are one and the same file here. */
  readonly isSame: boolean;

  constructor(message: string, isSame: boolean) {
    super(EXIT.conflict, message);
    this.isSame = isSame;
  }
}

/**
 * A folder on the server that a run uploads into, and which of its names the sources of the run have claimed: two that the
 * server would take for one name must not overwrite each other.
 */
export class UploadFolder {
  /** Undefined for the one that `--to` names. */
  readonly parent: UploadFolder | undefined;
  readonly name: string;
  /** The names here of what goes into it; only these are of interest of what is there. */
  names: readonly string[] = [];
  readonly #claims = new Map<string, Claim>();
  /** Folders in it that a further source may go into later, and so keep what was claimed; of all others nothing stays. */
  readonly #shared = new Map<string, UploadFolder>();
  #sharesAll = false;

  constructor(name = '', parent?: UploadFolder) {
    this.name = name;
    this.parent = parent;
  }

  /** Several sources will go into the folder of this name in it. */
  share(name: string): void {
    const folder = new UploadFolder(name, this);
    folder.#sharesAll = true;
    this.#shared.set(nameKey(name), folder);
  }

  /** The same for two that are one folder on the server. */
  get key(): string {
    return this.parent === undefined ? '' : `${this.parent.key}/${nameKey(this.name)}`;
  }

  /** The folder of that name in it. */
  child(name: string): UploadFolder {
    const key = nameKey(name);
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const folder = new UploadFolder(name, this);
    if (!this.#sharesAll) return folder;
    folder.#sharesAll = true;
    this.#shared.set(key, folder);
    return folder;
  }

  /**
   * Claims a name for a source. Gives what has to be there first, where the source gets another name beside it.
   * @throws Failure naming both where another source of the run has that name, or the server takes no such name.
   */
  claim(
    name: string,
    kind: Claim['kind'],
    source: Source,
    { renames }: { renames: boolean },
  ): UploadFolder | undefined {
    const fault = itemNameFault(name);
    if (fault !== undefined) {
      throw new Failure(
        EXIT.failed,
        `On the server, ${escapeControl(name)} ${fault.message}. Rename it here first, or give --name.`,
      );
    }
    const key = nameKey(name);
    const earlier = this.#claims.get(key);
    if (earlier === undefined) {
      this.#claims.set(key, { ...source, kind, name });
      return undefined;
    }
    if (kind === 'file' && renames) return earlier.kind === 'folder' ? this.child(earlier.name) : undefined;
    const isSame = earlier.identity === source.identity;
    // As cp does: folders of one name become one.
    if (kind === 'folder' && earlier.kind === 'folder' && earlier.name === name && !isSame) return undefined;
    throw new NameConflictError(refusal(earlier, { ...source, kind, name }), isSame);
  }
}

function refusal(first: Claim, second: Claim): string {
  const how = first.name === second.name ? '' : ' (case and the forms of accented letters make no difference)';
  const advice =
    second.kind === 'file'
      ? 'Rename one of them, upload them into different folders, or let --conflict rename number them.'
      : 'Rename one of them, or upload them into different folders.';
  return `It is not uploaded: ${escapeControl(first.path)} and ${escapeControl(second.path)} would have one name on the server${how}. ${advice}`;
}
