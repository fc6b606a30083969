import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';

/** One step of a compiled pattern: consume a character that passes the test, or continue at several steps at once. */
type Step = { test: (character: string) => boolean; isAny?: boolean } | { next: number[] };

type States = ReadonlySet<number>;

/**
 * A pattern in rclone's syntax: `*`, `**`, `?`, `[…]`, `{a,b}`; `/` at the start anchors it, and `/` at the end means
 * everything in a folder. All alternatives are followed at once, so that the time is linear in the length of a path; a
 * regular expression with several `**` would take far longer for some names.
 */
export class Glob {
  readonly #pattern: string;
  readonly #characters: string[];
  readonly #steps: Step[] = [];
  #position = 0;

  /** @throws Failure if the pattern is not valid. */
  constructor(pattern: string) {
    this.#pattern = pattern;
    const isAnchored = pattern.startsWith('/');
    this.#characters = [...(isAnchored ? pattern.slice(1) : pattern), ...(pattern.endsWith('/') ? '**' : '')];
    if (pattern === '' || pattern === '/') throw this.#error('it is empty');
    if (!isAnchored) this.#compileAnyFolders();
    this.#compileUntil('');
  }

  matches(path: string): boolean {
    return this.#run(path).has(this.#steps.length);
  }

  /** Whether it can match something in this folder. */
  canMatchIn(folder: string): boolean {
    return this.#run(`${folder}/`).size > 0;
  }

  /** Whether it matches everything in this folder. */
  matchesAllIn(folder: string): boolean {
    return [...this.#run(`${folder}/`)].some((index) => {
      const step = this.#steps[index];
      return step !== undefined && 'test' in step && step.isAny === true && index + 2 === this.#steps.length;
    });
  }

  #run(text: string): States {
    let states = this.#follow([0]);
    for (const character of text) {
      const passed = [...states].filter((index) => {
        const step = this.#steps[index];
        return step !== undefined && 'test' in step && step.test(character);
      });
      states = this.#follow(passed.map((index) => index + 1));
    }
    return states;
  }

  /** Returns these steps and those that are reached from them without a character. */
  #follow(indexes: readonly number[]): States {
    const reached = new Set(indexes);
    for (const index of reached) {
      const step = this.#steps[index];
      if (step !== undefined && 'next' in step) for (const next of step.next) reached.add(next);
    }
    return reached;
  }

  /** A pattern without `/` at the start matches in any folder. */
  #compileAnyFolders(): void {
    const start = this.#steps.length;
    this.#steps.push({ next: [start + 1, start + 5] });
    this.#compileLoop(() => true);
    this.#steps.push({ test: (character) => character === '/' });
  }

  #compileLoop(test: (character: string) => boolean, isAny = false): void {
    const start = this.#steps.length;
    this.#steps.push({ next: [start + 1, start + 3] }, { test, isAny }, { next: [start] });
  }

  /** Compiles up to one of `ends`, or to the end of the pattern. */
  #compileUntil(ends: string): string | undefined {
    for (;;) {
      const character = this.#characters[this.#position];
      if (character === undefined || ends.includes(character)) return character;
      this.#position += 1;
      this.#compile(character);
    }
  }

  #compile(character: string): void {
    if (character === '*') this.#compileStars();
    else if (character === '?') this.#steps.push({ test: isNoSlash });
    else if (character === '[') this.#compileClass();
    else if (character === '{') this.#compileAlternatives();
    else if (character === ']' || character === '}') throw this.#error(`${character} has no counterpart`);
    else {
      const literal = character === '\\' ? this.#characters[this.#position++] : character;
      if (literal === undefined) throw this.#error('it ends with a backslash');
      this.#steps.push({ test: (other) => other === literal });
    }
  }

  #compileStars(): void {
    let stars = 1;
    for (; this.#characters[this.#position] === '*'; this.#position += 1) stars += 1;
    if (stars > 2) throw this.#error('more than two * follow each other');
    if (stars === 2) this.#compileLoop(() => true, true);
    else this.#compileLoop(isNoSlash);
  }

  #compileClass(): void {
    const end = this.#characters.indexOf(']', this.#position + 1);
    const body = this.#characters.slice(this.#position, end).join('');
    if (end === -1) throw this.#error('[ has no counterpart');
    if (body.includes('[')) throw this.#error('classes such as [[:alpha:]] are not supported');
    this.#position = end + 1;
    const test = this.#parseClass(body);
    this.#steps.push({ test });
  }

  /** Parses characters and ranges of characters, or their complement after `^`. */
  #parseClass(body: string): (character: string) => boolean {
    const isNegated = body.startsWith('^');
    const characters = [...(isNegated ? body.slice(1) : body)];
    const ranges: [first: string, last: string][] = [];
    for (let index = 0; index < characters.length; ) {
      const first = characters[index] ?? '';
      const isRange = characters[index + 1] === '-' && index + 2 < characters.length;
      const last = isRange ? (characters[index + 2] ?? '') : first;
      if (codePoint(last) < codePoint(first)) throw this.#error(`[${body}] is not a valid class`);
      ranges.push([first, last]);
      index += isRange ? 3 : 1;
    }
    return (character) => isNegated !== ranges.some(([first, last]) => isBetween(character, first, last));
  }

  #compileAlternatives(): void {
    if (this.#characters[this.#position] === '{') throw this.#error('{{regular expressions}} are not supported');
    const choice: { next: number[] } = { next: [] };
    const exits: { next: number[] }[] = [];
    this.#steps.push(choice);
    for (let end: string | undefined = ','; end === ','; ) {
      choice.next.push(this.#steps.length);
      end = this.#compileUntil('{,}');
      if (end !== ',' && end !== '}') throw this.#error('braces must be closed, and cannot be nested');
      this.#position += 1;
      const exit = { next: [] };
      exits.push(exit);
      this.#steps.push(exit);
    }
    for (const exit of exits) exit.next.push(this.#steps.length);
  }

  #error(why: string): Failure {
    return new Failure(EXIT.usage, `The pattern ${escapeControl(this.#pattern)} is not valid: ${why}.`);
  }
}

function isNoSlash(character: string): boolean {
  return character !== '/';
}

function isBetween(character: string, first: string, last: string): boolean {
  return codePoint(first) <= codePoint(character) && codePoint(character) <= codePoint(last);
}

function codePoint(character: string): number {
  return character.codePointAt(0) ?? 0;
}
