import type { TextlintKernelOptions } from '@textlint/kernel';
import { type Comment, type Position, tokenizer, tokTypes } from 'acorn';

type KernelPlugin = NonNullable<TextlintKernelOptions['plugins']>[number];

interface Piece {
  start: number;
  end: number;
}

/**
 * Lets textlint read TypeScript: each comment, and each string of several words that is not SQL, is a paragraph. Lines of `//` comments
 * that follow each other are one paragraph.
 */
export const TYPESCRIPT: KernelPlugin = {
  pluginId: 'typescript',
  plugin: {
    Processor: class {
      availableExtensions() {
        return ['.ts', '.js'];
      }
      processor() {
        return {
          preProcess: (text: string) => ({ text, ast: createDocument(text) as never }),
          postProcess: (messages: never[], filePath?: string) => ({ messages, filePath: filePath ?? '<ts>' }),
        };
      }
    } as unknown as KernelPlugin['plugin']['Processor'],
  },
};

/** The start of an SQL statement. */
const SQL = /^\s*(?:select\s[^;]*?\sfrom|insert into|update \w+ set|delete from|create (?:table|index))\s/;

function createDocument(source: string) {
  const comments: Comment[] = [];
  const strings: Piece[] = [];
  const lines = lineStarts(source);
  for (const token of tokenizer(source, { ecmaVersion: 'latest', sourceType: 'module', onComment: comments })) {
    if (token.type !== tokTypes.string && token.type !== tokTypes.template) continue;
    const text = source.slice(token.start, token.end);
    if (/\p{L}+\s+\p{L}+\s/u.test(text) && !SQL.test(text)) strings.push(token);
  }
  const pieces = [...joinLines(comments, source), ...strings].sort((a, b) => a.start - b.start);
  const node = (type: string, { start, end }: Piece, rest: object) => ({
    type,
    raw: source.slice(start, end),
    range: [start, end],
    loc: { start: getPosition(start, lines), end: getPosition(end, lines) },
    ...rest,
  });
  return node(
    'Document',
    { start: 0, end: source.length },
    {
      children: pieces.map((piece) => node('Paragraph', piece, { children: splitWords(piece, source).map(createStr) })),
    },
  );

  function createStr(piece: Piece) {
    return node('Str', piece, { value: source.slice(piece.start, piece.end) });
  }
}

/** Comments, with those on consecutive lines as one. */
function joinLines(comments: readonly Comment[], source: string): Piece[] {
  const joined: (Piece & { isLine: boolean })[] = [];
  for (const { type, start, end } of comments) {
    const last = joined.at(-1);
    const isLine = type === 'Line';
    if (last?.isLine && isLine && /^\s*\n?[ \t]*$/.test(source.slice(last.end, start))) last.end = end;
    else joined.push({ start, end, isLine });
  }
  return joined;
}

/** The stretches of a comment or string that are text: not its marks, not code in backticks, not `@tags`. */
function splitWords({ start, end }: Piece, source: string): Piece[] {
  const marks = /\/\*\*?|\*\/|(?<=^|\n)[ \t]*(?:\/\/|\*(?!\/))|\/\/|`[^`\n]*`|@\w+|['"]$|^['"]/g;
  const pieces: Piece[] = [];
  let from = start;
  for (const { 0: mark, index } of source.slice(start, end).matchAll(marks)) {
    if (start + index > from) pieces.push({ start: from, end: start + index });
    from = start + index + mark.length;
  }
  if (from < end) pieces.push({ start: from, end });
  return pieces;
}

function lineStarts(source: string): number[] {
  return [0, ...Array.from(source.matchAll(/\n/g), ({ index }) => index + 1)];
}

function getPosition(offset: number, lines: readonly number[]): Position {
  const line = lines.findLastIndex((start) => start <= offset);
  return { line: line + 1, column: offset - (lines[line] ?? 0) } as Position;
}
