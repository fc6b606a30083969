/** Prints one JSON object on a line of its own, for scripts. */
export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
