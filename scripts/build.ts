import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { bundleClient } from './bundle-client.ts';

/**
 * `npm run build`: writes what is published into packages/cli/dist. The workspace packages are bundled, so nothing named
 * `@partway/…` has to be in a registry; all other dependencies stay imports. Every script is directly in dist/, because
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

const otherPackagesStayImports: Plugin = {
  name: 'other-packages-stay-imports',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || path.startsWith('@partway/') ? undefined : { path, external: true },
    );
  },
};

rmSync(DIST, { recursive: true, force: true });
await build({
  entryPoints: Object.entries(ENTRIES).map(([out, path]) => ({ in: join(ROOT, path), out })),
  outdir: DIST,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  plugins: [otherPackagesStayImports],
});
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
