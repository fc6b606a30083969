import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * `npm run house`: measures how the sources are laid out and prints the rule next to each figure. Lines are counted as by
 * `wc -l`; type-only imports count as imports.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAX_FILES_PER_FOLDER = 20;
const MAX_LINES = 400;
const MIN_LINES = 15;
const MIN_IMPORTERS = 3;
const IMPORT =
  /^(?:import|export)\b[^;'"]*?\bfrom\s+'((?:\.|@partway\/)[^']+)'|^import\s+'((?:\.|@partway\/)[^']+)'|\bimport\('((?:\.|@partway\/)[^']+)'\)/gm;

interface Source {
  path: string;
  lines: number;
  imports: string[];
}

const sources = readSources(['packages/*/src/**/*.ts']);
const importers = countImporters(sources);
const lines = sources.map((source) => source.lines).sort((a, b) => a - b);
const folders = Object.entries(Object.groupBy(sources, ({ path }) => dirname(path)))
  .map(([folder, files = []]) => ({ folder, files: files.length }))
  .sort((a, b) => b.files - a.files);
const crowded = folders.filter(({ files }) => files > MAX_FILES_PER_FOLDER);
const small = sources.filter(
  ({ path, lines }) => lines < MIN_LINES && (importers.get(path) ?? 0) < MIN_IMPORTERS && !isEntry(path),
);
const large = sources.filter((source) => source.lines > MAX_LINES);
const cycles = findCycles(sources);

console.table([
  { what: 'files', is: sources.length, rule: '' },
  { what: 'lines', is: lines.reduce((sum, count) => sum + count, 0), rule: '' },
  { what: 'lines per file, median', is: quantile(lines, 0.5), rule: '60 to 90' },
  { what: 'lines per file, 90th percentile', is: quantile(lines, 0.9), rule: 'at most 250' },
  { what: 'lines per file, maximum', is: lines.at(-1), rule: `at most ${MAX_LINES}` },
  { what: 'files per folder, maximum', is: folders[0]?.files, rule: `at most ${MAX_FILES_PER_FOLDER}` },
  { what: `folders with more than ${MAX_FILES_PER_FOLDER}`, is: crowded.length, rule: 'none' },
  {
    what: `files with fewer than ${MIN_LINES} lines and fewer than ${MIN_IMPORTERS} importers`,
    is: small.length,
    rule: 'none',
  },
  { what: 'import cycles, types included', is: cycles.length, rule: 'none' },
]);
list(
  `More than ${MAX_FILES_PER_FOLDER} files`,
  crowded.map(({ folder, files }) => `${folder}: ${files}`),
);
list(
  `More than ${MAX_LINES} lines`,
  large.map(({ path, lines }) => `${path}: ${lines}`),
);
list(
  'Small files with few importers',
  small.map(({ path, lines }) => `${path}: ${lines}, ${importers.get(path) ?? 0} importers`),
);
list(
  'Cycles',
  cycles.map((cycle) => cycle.join(' → ')),
);

function readSources(patterns: readonly string[]): Source[] {
  return globSync([...patterns], { cwd: ROOT })
    .filter((path) => !/\.(test|d)\.ts$/.test(path))
    .sort()
    .map((path) => {
      const text = readFileSync(join(ROOT, path), 'utf8');
      const imports = [...text.matchAll(IMPORT)].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '');
      return { path, lines: text.split('\n').length - 1, imports: imports.map((to) => resolveImport(path, to)) };
    });
}

/** The path of an imported file: beside the importer, or in another workspace package (`@partway/NAME/MODULE`). */
function resolveImport(path: string, to: string): string {
  const [, name, module] = /^@partway\/([^/]+)\/(.+)$/.exec(to) ?? [];
  return name === undefined ? join(dirname(path), to) : `packages/${name}/src/${module}.ts`;
}

function countImporters(files: readonly Source[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { imports } of files) for (const to of new Set(imports)) counts.set(to, (counts.get(to) ?? 0) + 1);
  return counts;
}

/** Started by a path instead of an import: threads, the command, what the package exports. */
function isEntry(path: string): boolean {
  return /(?:-worker|^index|^partway)\.ts$/.test(basename(path));
}

/** Groups of files that import each other, directly or not: Tarjan's strongly connected components of more than one file. */
function findCycles(files: readonly Source[]): string[][] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (path: string): void => {
    const position = order.size;
    order.set(path, position);
    low.set(path, position);
    stack.push(path);
    for (const to of byPath.get(path)?.imports ?? []) {
      if (!byPath.has(to)) continue;
      if (!order.has(to)) visit(to);
      else if (!stack.includes(to)) continue;
      low.set(path, Math.min(low.get(path) ?? 0, low.get(to) ?? 0));
    }
    if (low.get(path) !== order.get(path)) return;
    const component = stack.splice(stack.indexOf(path));
    if (component.length > 1) found.push(component);
  };
  for (const { path } of files) if (!order.has(path)) visit(path);
  return found;
}

function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

function list(title: string, entries: readonly string[]): void {
  if (entries.length > 0) console.log(`\n${title}:\n  ${entries.join('\n  ')}`);
}
