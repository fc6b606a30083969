/** From none to all of the parts that a cell stands for. */
const SHADES = ['·', '░', '▒', '▓', '█'];

/**
 * A map of which parts are stored, in lines of at most `columns` cells: `█` where all parts of a cell are, `·` where none
 * is, shades between. A cell is one part, or as many as it takes for the map to have no more than `mostLines` lines.
 */
export function partMap(
  stored: ReadonlySet<number>,
  total: number,
  { columns, mostLines = 16 }: { columns: number; mostLines?: number },
): { lines: string[]; partsPerCell: number } {
  const partsPerCell = Math.max(1, Math.ceil(total / (columns * mostLines)));
  let cells = '';
  for (let first = 0; first < total; first += partsPerCell) {
    const parts = Math.min(partsPerCell, total - first);
    let have = 0;
    for (let part = first; part < first + parts; part++) if (stored.has(part)) have += 1;
    cells += shadeOf(have / parts);
  }
  const lines: string[] = [];
  for (let from = 0; from < cells.length; from += columns) lines.push(cells.slice(from, from + columns));
  return { lines, partsPerCell };
}

/** The ends mean what they say: nothing is rounded to none or all. */
function shadeOf(share: number): string {
  if (share === 0 || share === 1) return SHADES[share * (SHADES.length - 1)] ?? '';
  return SHADES[1 + Math.min(Math.floor(share * (SHADES.length - 2)), SHADES.length - 3)] ?? '';
}
