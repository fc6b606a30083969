import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getCompiler, isZigInstalled, TARGET_NAMES, TARGETS, ZIG_ENV } from './zig/zig.ts';

/**
 * `npm run build:native [-- FOLDER]`: builds the binaries of the native module that the published package contains,
 * with Zig as the C compiler. `findModule` looks for these names. Without an argument, they are written to where
 * `npm run build` puts the scripts.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url));

const folder = resolve(process.argv[2] ?? join(ROOT, 'packages/cli/dist/prebuilt'));
if (!isZigInstalled()) {
  console.error(`The native module cannot be built for the package, because Zig is not installed.
Run scripts/zig/install.sh, which installs it from PyPI. To make a package without the module:
npm run build && npm pack --ignore-scripts`);
  process.exit(1);
}
rmSync(folder, { recursive: true, force: true });
for (const name of TARGET_NAMES) {
  const options = ['--output', join(folder, `${name}.node`), '--arch', TARGETS[name].arch];
  const { status } = spawnSync(
    process.execPath,
    [join(ROOT, 'packages/native/build.js'), ...options, '--', ...getCompiler(name), '-s'],
    { stdio: 'inherit', env: ZIG_ENV },
  );
  if (status !== 0) process.exit(status ?? 1);
}
