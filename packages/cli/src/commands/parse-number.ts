import { InvalidArgumentError } from 'commander';

/** Returns a parser for the whole numbers from `min` to `max` on the command line. */
export function parseWholeNumber({ min, max }: { min: number; max?: number }): (text: string) => number {
  const range = max === undefined ? '' : ` from ${min} to ${max}`;
  return (text) => {
    const number = Number(text);
    if (/^\d{1,15}$/.test(text) && number >= min && number <= (max ?? number)) return number;
    throw new InvalidArgumentError(`Use a whole number${range}.`);
  };
}
