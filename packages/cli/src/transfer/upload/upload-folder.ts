import { itemNameFault, nameKey } from '@partway/protocol/names';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';
import { NameConflictError } from '../name-conflict-error.ts';

/** A local file or folder that claims a name on the server. */
export interface Source {
  /** For people. */
  path: string;
  /** The real path: two sources with the same identity are the same file. */
  identity: string;
}

interface Claim extends Source {
  kind: 'file' | 'folder';
  name: string;
}

/**
 * A folder on the server that a run uploads to, with the names that the sources of the run have claimed. Two sources whose
 * names are the same for the server must not overwrite each other.
 */
export class UploadFolder {
  /** Undefined for the folder of `--to`. */
  readonly parent: UploadFolder | undefined;
  readonly name: string;
  /** The local names of its items. Other items of the folder on the server do not matter. */
  names: readonly string[] = [];
  readonly #claims = new Map<string, Claim>();
  /** Subfolders that another source may use later, which therefore must keep their claims. Others are not kept. */
  readonly #shared = new Map<string, UploadFolder>();
  #sharesAll = false;

  constructor(name = '', parent?: UploadFolder) {
    this.name = name;
    this.parent = parent;
  }

  /** Declares that several sources will use the subfolder with this name. */
  share(name: string): void {
    const folder = new UploadFolder(name, this);
    folder.#sharesAll = true;
    this.#shared.set(nameKey(name), folder);
  }

  /** The names of the folders from the folder of `--to`, which is not included, to this one. */
  get path(): string[] {
    return this.parent === undefined ? [] : [...this.parent.path, this.name];
  }

  /** Equal for all objects that are the same folder on the server. */
  get key(): string {
    return this.parent === undefined ? '' : `${this.parent.key}/${nameKey(this.name)}`;
  }

  /** Returns the subfolder with this name. */
  child(name: string): UploadFolder {
    const key = nameKey(name);
    const shared = this.#shared.get(key);
    if (shared !== undefined) return shared;
    const folder = new UploadFolder(name, this);
    if (!this.#sharesAll) return folder;
    folder.#sharesAll = true;
    this.#shared.set(key, folder);
    return folder;
  }

  /**
   * Claims a name for a source. If the source will get a numbered name because of a folder with the same name, returns that
   * folder, which has to be created first.
   * @throws Failure if the server refuses the name; NameConflictError with both sources if another one has the name.
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
        `On the server, ${escapeControl(name)} ${fault.message}. Rename it first, or set another name with --name.`,
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
    // Folders with the same name are merged, as `cp` does.
    if (kind === 'folder' && earlier.kind === 'folder' && earlier.name === name && !isSame) return undefined;
    throw new NameConflictError(nameConflictMessage(earlier, { ...source, kind, name }), isSame);
  }
}

function nameConflictMessage(first: Claim, second: Claim): string {
  const hint = first.name === second.name ? '' : ' (case and Unicode form make no difference)';
  const advice =
    second.kind === 'file'
      ? 'Rename one of them, upload them to different folders, or number them with --conflict rename.'
      : 'Rename one of them, or upload them to different folders.';
  return `Not uploaded: ${escapeControl(first.path)} and ${escapeControl(second.path)} have the same name on the server${hint}. ${advice}`;
}
