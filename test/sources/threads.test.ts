import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const SOURCES = fileURLToPath(new URL('../../packages', import.meta.url));

/** The libraries that each thread loads, besides those of Node.js. */
const LIBRARIES: Record<string, string[]> = {
  // A module of ours, which loads nothing of other packages.
  'cli/src/transfer/upload/disk-worker.ts': ['@partway/server/util/worker-client'],
  'client/src/browser/hash-worker.ts': ['hash-wasm'],
  'server/src/hash-workers/resumable-worker.ts': ['hash-wasm'],
};

// Threads of the database once loaded its whole library for one function: a quarter of every start, and 10 MB each.
test('a thread loads only libraries that it uses', async () => {
  const entries = globSync('*/src/**/*-worker.ts', { cwd: SOURCES });
  assert.ok(entries.includes('server/src/database/sqlite/sqlite-worker.ts') && entries.length >= 5, entries.join(' '));
  for (const entry of entries) {
    const { metafile } = await build({
      entryPoints: [`${SOURCES}/${entry}`],
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      outdir: SOURCES,
    });
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
    const libraries = imports.filter((path) => !path.startsWith('node:'));
    assert.deepEqual([...new Set(libraries)], LIBRARIES[entry] ?? [], entry);
  }
});
