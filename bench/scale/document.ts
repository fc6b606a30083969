/** Puts each table between `<!-- model:NAME -->` and `<!-- /model -->`. Every table has its place, and every place a table. */
export function fillIn(document: string, tables: Readonly<Record<string, string>>): string {
  const left = new Set(Object.keys(tables));
  const filled = document.replace(/<!-- model:(\w+) -->\n[\s\S]*?<!-- \/model -->/g, (_section, name: string) => {
    const table = tables[name];
    if (table === undefined) throw new Error(`the model has no table "${name}"`);
    left.delete(name);
    return `<!-- model:${name} -->\n${table}\n<!-- /model -->`;
  });
  if (left.size > 0) throw new Error(`the document has no place for ${[...left].join(', ')}`);
  return filled;
}
