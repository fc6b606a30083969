import { createLogUpdate } from 'log-update';

const FRAME_MILLIS = 100;

/** Lines at the bottom of a terminal that are redrawn, below lines that stay. */
export interface LiveLines extends Disposable {
  /** Prints a line that stays. */
  print(line: string): void;
}

/** Redraws `lines` ten times a second until it is disposed, which removes them. */
export function liveLines(stream: NodeJS.WriteStream, lines: (columns: number) => string[]): LiveLines {
  const update = createLogUpdate(stream);
  const draw = () => update(lines(stream.columns).join('\n'));
  const timer = setInterval(draw, FRAME_MILLIS);
  draw();
  return {
    print: (line) => update.persist(line),
    [Symbol.dispose]() {
      clearInterval(timer);
      update.clear();
      // Shows the cursor again.
      update.done();
    },
  };
}
