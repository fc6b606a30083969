import { createLogUpdate } from 'log-update';

/** How often the lines are drawn anew, at most. */
const FRAME_MILLIS = 100;

/** Lines at the bottom of a terminal that are drawn over and over, and others that stay above them. */
export interface LiveLines extends Disposable {
  /** Prints a line that stays. */
  keep(line: string): void;
}

/** Draws what `lines` gives, ten times a second, until it is disposed of; then those lines are gone. */
export function liveLines(stream: NodeJS.WriteStream, lines: (columns: number) => string[]): LiveLines {
  const update = createLogUpdate(stream);
  const draw = () => update(lines(stream.columns).join('\n'));
  const timer = setInterval(draw, FRAME_MILLIS);
  draw();
  return {
    keep: (line) => update.persist(line),
    [Symbol.dispose]() {
      clearInterval(timer);
      update.clear();
      // Gives the cursor back.
      update.done();
    },
  };
}
