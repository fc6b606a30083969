/** Inserts each table between `<!-- model:NAME -->` and `<!-- /model -->`. Throws if a table or a place is missing. */
export function fillIn(document: string, tables: Readonly<Record<string, string>>): string {
  const missing = new Set(Object.keys(tables));
  const filled = document.replace(/<!-- model:(\w+) -->\n[\s\S]*?<!-- \/model -->/g, (_section, name: string) => {
    const table = tables[name];
    if (table === undefined) throw new Error(`The model has no table "${name}".`);
    missing.delete(name);
    return `<!-- model:${name} -->\n${table}\n<!-- /model -->`;
  });
  if (missing.size > 0) throw new Error(`The document has no place for ${[...missing].join(', ')}.`);
  return filled;
}
