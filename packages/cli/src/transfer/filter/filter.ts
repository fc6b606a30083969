import { Glob } from './glob.ts';

export interface FilterRule {
  includes: boolean;
  glob: Glob;
}

/** Parses the pattern of `--include` or `--exclude`. @throws Failure if it is not valid. */
export function parseRule(includes: boolean, pattern: string): FilterRule {
  return { includes, glob: new Glob(pattern) };
}

/** Selects the files of a transfer. */
export interface Filter {
  /** Whether it selects everything. */
  readonly isEmpty: boolean;
  /** `path`: from the top folder of the transfer on, without a slash at the start. */
  selects(path: string): boolean;
  /** Whether files in this folder, at any depth, may be selected. If not, the folder does not have to be listed. */
  mayEnter(folder: string): boolean;
}

/**
 * Selects files by their paths. The first rule that matches decides. Other files are selected, unless a rule includes files:
 * then only included files are.
 */
export class RuleFilter implements Filter {
  readonly #rules: readonly FilterRule[];
  readonly #selectsRest: boolean;

  constructor(rules: readonly FilterRule[] = []) {
    this.#rules = rules;
    this.#selectsRest = !rules.some(({ includes }) => includes);
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  selects(path: string): boolean {
    return this.#rules.find(({ glob }) => glob.matches(path))?.includes ?? this.#selectsRest;
  }

  mayEnter(folder: string): boolean {
    for (const { includes, glob } of this.#rules) {
      if (includes && glob.canMatchIn(folder)) return true;
      if (!includes && glob.matchesAllIn(folder)) return false;
    }
    return this.#selectsRest;
  }
}
