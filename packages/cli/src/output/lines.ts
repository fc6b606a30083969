import cliTruncate from 'cli-truncate';
import stringWidth from 'string-width';

/** Joins a label and a message to one line of at most `columns` cells. The label is cut first. */
export function fitLine(label: string, message: string, columns: number): string {
  const room = columns - 1 - stringWidth(message);
  // A label of a few cells tells nothing.
  if (room < 4) return cliTruncate(label + message, Math.max(columns - 1, 1));
  return cliTruncate(label, room) + message;
}

const INDENT = '  ';

/** Breaks a text at spaces into lines of less than `columns` cells. Lines after the first one are indented. */
export function wrapText(text: string, columns: number): string {
  const maxWord = Math.max(columns - 1 - INDENT.length, 1);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((long) => splitWord(long, maxWord))) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line === '' || stringWidth(longer) < columns) line = longer;
    else {
      lines.push(line);
      line = INDENT + word;
    }
  }
  return [...lines, line].join('\n');
}

/** Splits a word that is longer than a line, such as a path. */
function splitWord(word: string, maxCells: number): string[] {
  if (stringWidth(word) <= maxCells) return [word];
  const pieces = [''];
  for (const character of word) {
    const longer = pieces.at(-1) + character;
    if (stringWidth(longer) > maxCells) pieces.push(character);
    else pieces[pieces.length - 1] = longer;
  }
  return pieces;
}
