import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where install.sh installs Zig, and where Zig caches its stubs of C libraries. */
const FOLDER = fileURLToPath(new URL('.zig', import.meta.url));
const CACHE = join(FOLDER, 'cache');
/** As old a glibc as the binaries of Node.js 24 require. */
const GLIBC = '2.28';

/** The systems for which the package has a binary of the native module, by the name of the binary. */
export const TARGETS = {
  'linux-x64-glibc': { arch: 'x64', triple: `x86_64-linux-gnu.${GLIBC}` },
  'linux-x64-musl': { arch: 'x64', triple: 'x86_64-linux-musl' },
  'linux-arm64-glibc': { arch: 'arm64', triple: `aarch64-linux-gnu.${GLIBC}` },
  'linux-arm64-musl': { arch: 'arm64', triple: 'aarch64-linux-musl' },
} as const;

export type TargetName = keyof typeof TARGETS;

export const TARGET_NAMES = Object.keys(TARGETS) as TargetName[];

export const ZIG_ENV = { ...process.env, ZIG_GLOBAL_CACHE_DIR: CACHE, ZIG_LOCAL_CACHE_DIR: CACHE };

export function isZigInstalled(): boolean {
  return existsSync(join(FOLDER, '.finished'));
}

/** The command of the C compiler for a system. It has to run with `ZIG_ENV`. */
export function getCompiler(name: TargetName): [string, ...string[]] {
  return [join(FOLDER, 'bin/python'), '-m', 'ziglang', 'cc', '-target', TARGETS[name].triple];
}
