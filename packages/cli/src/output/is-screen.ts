/** Whether lines can be drawn over and over there: a terminal that says how large it is. */
export function isScreen(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && stream.columns > 0 && stream.rows > 0;
}
