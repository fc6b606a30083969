/**
 * Measures a recursive upload of files that all exist on the server already, compared with rclone's `copy --checksum`, each
 * over TLS to one server, in turns. `node bench/recursive.ts [rounds]`; `test/clients/install.sh rclone` installs rclone.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PARTWAY } from '../test/cli/run.ts';
import { startConnectProxy } from '../test/clients/rclone/connect-proxy.ts';
import { prepareRclone } from '../test/clients/rclone/rclone.ts';
import { seededBytes } from '../test/support/bytes.ts';
import { startServer } from '../test/support/server.ts';
import { median, saveResults } from './support.ts';

const ROUNDS = Number(process.argv[2] ?? 3);
const FILE_BYTES = 10_000;
const HOSTS = ['api.box.com:443', 'upload.box.com:443'];
const TREES = [
  { name: '2,000 files in one folder', folders: 1, files: 2_000 },
  { name: '20,000 files in 200 folders', folders: 200, files: 100 },
];

const run = promisify(execFile);
await using server = await startServer({ tls: true });
await using proxy = await startConnectProxy(Number(new URL(server.url).port), HOSTS);
const rclone = await prepareRclone(server, proxy);
const home = join(server.dataFolder, '..');
const env = {
  PATH: process.env.PATH,
  HOME: home,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(home, 'compiled'),
  NODE_EXTRA_CA_CERTS: server.certificates?.ca,
  PARTWAY_SERVER: server.url,
  PARTWAY_TOKEN: server.token,
};

const results: object[] = [];
for (const tree of TREES) {
  const folder = `tree-${tree.folders}`;
  const at = join(home, folder);
  for (let n = 0; n < tree.folders; n += 1) {
    const inner = tree.folders === 1 ? at : join(at, `folder ${n}`);
    mkdirSync(inner, { recursive: true });
    for (let m = 0; m < tree.files; m += 1) {
      writeFileSync(join(inner, `file ${m}.bin`), seededBytes(FILE_BYTES, `${n} ${m}`));
    }
  }
  const first = await timed(() => partway(at));
  const figures: Record<'partway' | 'rclone', number[]> = { partway: [], rclone: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    figures.rclone.push(
      await timed(() =>
        run(rclone.file, ['copy', '--checksum', at, `box:${folder}`, ...rclone.args], { env: rclone.env }),
      ),
    );
    figures.partway.push(await timed(() => partway(at)));
  }
  const result = {
    tree: tree.name,
    sent: first,
    partway: median(figures.partway),
    rclone: median(figures.rclone),
    ratio: median(figures.partway) / median(figures.rclone),
  };
  results.push(result);
  console.log(
    `${tree.name}: sent in ${first.toFixed(1)} s; again in ${result.partway.toFixed(2)} s, rclone ${result.rclone.toFixed(2)} s, ratio ${result.ratio.toFixed(2)}`,
  );
}
await saveResults('recursive', results);

async function partway(at: string): Promise<void> {
  await run(process.execPath, [PARTWAY, 'upload', '--recursive', at], { env, maxBuffer: 64 * 1024 * 1024 });
}

/** In seconds. */
async function timed(act: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await act();
  return (performance.now() - begun) / 1000;
}
