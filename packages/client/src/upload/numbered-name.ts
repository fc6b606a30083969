/** Past so many names that are taken there is something else wrong. */
export const MOST_NAMES = 200;

/** The name to try where `number` names before it were taken: `report.pdf` for 0, then `report (1).pdf` and so on. */
export function numberedName(name: string, number: number): string {
  if (number === 0) return name;
  const dot = name.lastIndexOf('.');
  const at = dot > 0 ? dot : name.length;
  return `${name.slice(0, at)} (${number})${name.slice(at)}`;
}
