/**
 * How many functions of ours one part passes through: uploads parts to a server in this process, and has V8 count the functions
 * that ran between the request of the last one and its answer. Those of other threads, which write rows and hash files, are
 * not counted.
 *
 *   node bench/hot-path.ts [--list]
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { request as requestHttp } from 'node:http';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../src/config.ts';
import { startServer } from '../src/main.ts';
import { leftoverFolder } from '../test/support/leftovers.ts';

const PART = 8 * 1024 * 1024;
/** Parts before the one that counts: what happens only the first time is no part of the path. */
const WARM_UP = 3;
const SOURCES = new URL('../', import.meta.url).href;

const { values } = parseArgs({ options: { list: { type: 'boolean', default: false } } });
const home = leftoverFolder(await mkdtemp(join(tmpdir(), 'partway-bench-hot-path-')));
const token = randomBytes(16).toString('hex');
const config = readConfig({
  PARTWAY_DATA: home,
  PARTWAY_TOKEN: token,
  PARTWAY_LISTEN: '127.0.0.1:0',
  PARTWAY_LOG: 'error',
});
const server = await startServer(config);
const part = randomBytes(PART);
const sha1 = createHash('sha1').update(part).digest('base64');
const created = await call('POST', '/2.0/files/upload_sessions', {
  body: JSON.stringify({ folder_id: '0', file_size: PART * (WARM_UP + 2), file_name: 'hot-path.bin' }),
});
const { id } = JSON.parse(created) as { id: string };

const session = new Session();
session.connect();
await session.post('Profiler.enable');
for (let n = 0; n < WARM_UP; n++) await putPart(n);
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
await putPart(WARM_UP);
const { result } = await session.post('Profiler.takePreciseCoverage');
await session.post('Profiler.stopPreciseCoverage');

const called = result
  .filter(({ url }) => /\/src\//.test(url) && url.startsWith(SOURCES))
  .flatMap(({ url, functions }) =>
    functions
      .filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0)
      .map(({ functionName, ranges }) => ({
        file: url.slice(SOURCES.length),
        name: functionName || `(at ${ranges[0]?.startOffset})`,
      })),
  );
await server.stop();
const files = new Set(called.map(({ file }) => file));
console.log(`one part: ${called.length} functions in ${files.size} files`);
if (values.list) {
  for (const file of files) {
    const names = called.filter((one) => one.file === file).map(({ name }) => name);
    console.log(`${file}: ${names.join(', ')}`);
  }
}

async function putPart(n: number): Promise<void> {
  const first = n * PART;
  await call('PUT', `/2.0/files/upload_sessions/${id}`, {
    body: part,
    headers: {
      digest: `sha=${sha1}`,
      'content-range': `bytes ${first}-${first + PART - 1}/${PART * (WARM_UP + 2)}`,
      'content-type': 'application/octet-stream',
    },
  });
}

function call(
  method: string,
  path: string,
  { body, headers = {} }: { body: string | Buffer; headers?: Record<string, string> },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = requestHttp(
      `${server.url}${path}`,
      { method, headers: { authorization: `Bearer ${token}`, 'content-length': Buffer.byteLength(body), ...headers } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          if ((response.statusCode ?? 500) < 300) resolve(text);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
        });
      },
    );
    sent.on('error', reject).end(body);
  });
}
