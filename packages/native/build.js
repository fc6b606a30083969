// Builds the native module with the C compiler of this machine, when packages are installed. It is optional: without a
// compiler this prints why and succeeds. Plain JavaScript, because any version of Node.js can run `npm ci`.
//
// `node packages/native/build.js --sanitize` makes a second build, with AddressSanitizer and UndefinedBehaviorSanitizer,
// for `npm run test:native`. `--output FILE --arch x64|arm64 -- COMPILER OPTION…` builds for another machine, with a
// compiler for that; `npm run build:native` does this for the package. Both fail if the module cannot be built.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const OPTIONS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-shared', '-fPIC', '-fvisibility=hidden', '-pthread'];
const SANITIZERS = ['-Werror', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

const { values, positionals } = parseArgs({
  options: {
    sanitize: { type: 'boolean', default: false },
    output: { type: 'string' },
    arch: { type: 'string', default: process.arch },
  },
  allowPositionals: true,
});
const { sanitize, arch } = values;
const output = resolve(values.output ?? join(FOLDER, 'build', sanitize ? 'sanitized.node' : 'partway.node'));
const [compiler = process.env.CC || 'cc', ...extra] = positionals;
const problem = findUnsupported() ?? compile();
if (problem === undefined) console.log(`Built ${output}.`);
else if (sanitize || values.output !== undefined) throw new Error(problem);
else console.log(`The native module was not built: ${problem}. The server works without it, and needs more CPU time.`);

/** Returns why this machine or processor is not supported; undefined if it is. */
function findUnsupported() {
  if (values.output === undefined && process.platform !== 'linux')
    return `it supports Linux, and this is ${process.platform}`;
  if (!['x64', 'arm64'].includes(arch)) return `it supports x64 and arm64 processors, and this is ${arch}`;
  return undefined;
}

/** Returns why the module cannot be built; undefined if it was built. */
function compile() {
  const headers = findHeaders();
  if (headers === undefined) return 'the package node-api-headers is not installed';
  mkdirSync(dirname(output), { recursive: true });
  // A running server has the old file loaded, so that is replaced, not changed.
  const temporary = `${output}.${process.pid}`;
  const sources = ['addon.c', 'pool.c', 'sha1.c', `sha1-${arch}.c`].map((name) => join(FOLDER, 'src', name));
  const options = [...extra, ...OPTIONS, ...(sanitize ? SANITIZERS : []), '-I', headers];
  const { error, status, stderr } = spawnSync(compiler, [...options, ...sources, '-o', temporary], {
    encoding: 'utf8',
  });
  if (error !== undefined) return `there is no C compiler (${compiler}: ${error.code ?? error.message})`;
  if (status !== 0) return `${compiler} failed:\n${stderr}`;
  renameSync(temporary, output);
  return undefined;
}

function findHeaders() {
  try {
    return dirname(createRequire(import.meta.url).resolve('node-api-headers/include/node_api.h'));
  } catch {
    return undefined;
  }
}
