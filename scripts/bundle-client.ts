import { readFileSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The options that bundle the browser client into one file without imports, as published. */
export const CLIENT_BUNDLE = {
  entryPoints: [at('packages/client/src/browser/index.ts')],
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: ['chrome120', 'firefox120', 'safari17'],
  legalComments: 'none',
  banner: {
    js: '/*! Partway client, Apache-2.0. With hash-wasm by Dani Biró, MIT (LICENSE.hash-wasm beside this file). */',
  },
} satisfies BuildOptions;

/** Makes `import script from 'inline-worker:./x.ts'` import the bundled script of a worker as a string. */
export const inlineWorkers: Plugin = {
  name: 'inline-worker',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^inline-worker:/ }, ({ path, resolveDir }) => ({
      path: resolve(resolveDir, path.slice('inline-worker:'.length)),
      namespace: 'inline-worker',
    }));
    onLoad({ filter: /.*/, namespace: 'inline-worker' }, async ({ path }) => {
      const { bundle, minify, platform, target, legalComments } = CLIENT_BUNDLE;
      const options = { bundle, minify, platform, target, legalComments };
      const { outputFiles } = await build({ ...options, entryPoints: [path], format: 'iife', write: false });
      return { contents: outputFiles[0]?.text ?? '', loader: 'text', watchFiles: [path] };
    });
  },
};

/** Bundles the client, and returns the text. Writes it to `outfile` if given. */
export async function bundleClient(outfile?: string): Promise<string> {
  const result = await build({ ...CLIENT_BUNDLE, plugins: [inlineWorkers], write: false });
  const text = result.outputFiles[0]?.text ?? '';
  if (outfile === undefined) return text;
  await mkdir(dirname(outfile), { recursive: true });
  await build({ ...CLIENT_BUNDLE, plugins: [inlineWorkers], outfile });
  await copyFile(at('node_modules/hash-wasm/LICENSE'), resolve(dirname(outfile), 'LICENSE.hash-wasm'));
  return readFileSync(outfile, 'utf8');
}
