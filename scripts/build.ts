import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundleClient } from './bundle-client.ts';
import { collectLicenses } from './collect-licenses.ts';

/**
 * `npm run build`: writes what is published into packages/cli/dist. The workspace packages and their dependencies are
 * bundled, because loading a thousand small files at each start takes longer than everything else. Only the dependencies of
 * the published package, in package.json, stay imports: large drivers, and types. Every script is directly in dist/, because
 * threads are started by a path beside the script that starts them.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'packages/cli/dist');
const TYPES = join(DIST, 'types');
const TYPE_ENTRIES = ['server/src/index.d.ts', 'client/src/node/index.d.ts', 'client/src/browser/index.d.ts'];

const ENTRIES = {
  partway: 'packages/cli/src/partway.ts',
  index: 'packages/server/src/index.ts',
  client: 'packages/client/src/node/index.ts',
  'hash-worker': 'packages/client/src/node/hash-worker.ts',
  'disk-worker': 'packages/cli/src/transfer/upload/disk-worker.ts',
  'crypto-worker': 'packages/server/src/hash-workers/crypto-worker.ts',
  'resumable-worker': 'packages/server/src/hash-workers/resumable-worker.ts',
  'sqlite-worker': 'packages/server/src/database/sqlite/sqlite-worker.ts',
};

const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};

rmSync(DIST, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: Object.entries(ENTRIES).map(([out, path]) => ({ in: join(ROOT, path), out })),
  outdir: DIST,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: Object.keys(dependencies),
  // CommonJS modules that are bundled import Node's own modules.
  banner: {
    js: "import { createRequire as createRequire_ } from 'node:module'; const require = createRequire_(import.meta.url);",
  },
  metafile: true,
  // Each script would get the same comments; the licenses are in one file.
  legalComments: 'none',
});
writeFileSync(join(DIST, 'THIRD-PARTY-LICENSES.txt'), collectLicenses(Object.keys(metafile.inputs)));
await bundleClient(join(DIST, 'client-browser.js'));
for (const project of ['tsconfig.build.json', 'tsconfig.build.browser.json']) compile(project);
for (const path of globSync('**/*.d.ts', { cwd: TYPES })) withRelativeImports(path);
removeUnreachable();

function compile(project: string): void {
  const { status } = spawnSync('tsc', ['-p', project], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) throw new Error(`tsc -p ${project} failed.`);
}

/** Declarations of the workspace packages import each other by path, as the package names are not published. */
function withRelativeImports(path: string): void {
  const file = join(TYPES, path);
  const text = readFileSync(file, 'utf8').replaceAll(
    /'@partway\/(\w+)\/([^']+)'/g,
    (_, name: string, module: string) => {
      const to = relative(dirname(path), `${name}/src/${module}`);
      return `'${to.startsWith('.') ? to : `./${to}`}.ts'`;
    },
  );
  writeFileSync(file, text.replaceAll(/(['"]\.{1,2}\/[^'"]+)\.ts(['"])/g, '$1.js$2'));
}

/** Keeps only the declarations that the entries lead to. */
function removeUnreachable(): void {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    const text = readFileSync(join(TYPES, path), 'utf8');
    for (const [, to = ''] of text.matchAll(/['"](\.{1,2}\/[^'"]+)\.js['"]/g)) visit(join(dirname(path), `${to}.d.ts`));
  };
  for (const entry of TYPE_ENTRIES) visit(entry);
  for (const path of globSync('**/*.d.ts', { cwd: TYPES })) if (!reached.has(path)) rmSync(join(TYPES, path));
}
