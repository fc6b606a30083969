/**
 * Counts the functions of our code that one part passes through: uploads parts to a server in this process, and lets V8 count
 * the functions that run between a request and its response, for several parts. Functions in other threads, which write rows
 * and hash files, do not count.
 *
 *   node bench/hot-path.ts [--list]
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import type { Profiler } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../packages/server/src/config/config.ts';
import { startServer } from '../packages/server/src/server.ts';
import { WireClient } from '../test/faults/wire-client.ts';
import { deleteAtExit } from '../test/support/leftovers.ts';

const PART = 8 * 1024 * 1024;
/** Parts before the counted ones, so that work done only once does not count. */
const WARM_UP = 3;
const ROOT = new URL('../', import.meta.url).href;
/** Parts that are counted. Only functions that each of them calls count, so that timers do not. */
const COUNTED = 5;
const TOTAL = (WARM_UP + COUNTED + 1) * PART;

const { values } = parseArgs({ options: { list: { type: 'boolean', default: false } } });
const home = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-bench-hot-path-')));
const token = randomBytes(16).toString('hex');
const config = readConfig({
  PARTWAY_DATA: home,
  PARTWAY_TOKEN: token,
  PARTWAY_LISTEN: '127.0.0.1:0',
  PARTWAY_LOG: 'error',
});
const server = await startServer(config);
const client = new WireClient({ url: server.url, token });
const part = randomBytes(PART);
const { id } = await client.create('hot-path.bin', TOTAL);
const putPart = (n: number) => client.put(id, n * PART, part, TOTAL);

const session = new Session();
session.connect();
await session.post('Profiler.enable');
for (let n = 0; n < WARM_UP; n++) await putPart(n);
let called: { file: string; name: string; key: string }[] = [];
for (let n = 0; n < COUNTED; n++) {
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  await putPart(WARM_UP + n);
  const { result } = await session.post('Profiler.takePreciseCoverage');
  await session.post('Profiler.stopPreciseCoverage');
  const now = listCalled(result);
  const keys = new Set(now.map(({ key }) => key));
  called = n === 0 ? now : called.filter(({ key }) => keys.has(key));
}
await server.stop();
const files = new Set(called.map(({ file }) => file));
console.log(`one part: ${called.length} functions in ${files.size} files`);
if (values.list) {
  for (const file of files) {
    const names = called.filter((one) => one.file === file).map(({ name }) => name);
    console.log(`${file}: ${names.join(', ')}`);
  }
}

function listCalled(scripts: Profiler.ScriptCoverage[]): typeof called {
  return scripts
    .filter(({ url }) => url.startsWith(`${ROOT}packages/`))
    .flatMap(({ url, functions }) =>
      functions
        .filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0)
        .map(({ functionName, ranges }) => {
          const start = ranges[0]?.startOffset;
          return { file: url.slice(ROOT.length), name: functionName || `(at ${start})`, key: `${url}:${start}` };
        }),
    );
}
