/**
 * Measures how fast clients upload a file: `partway upload`, box-node-sdk 10's uploadBigFile and rclone, each in a process of
 * its own with its defaults, one after the other, to one Partway server over TLS (rclone supports nothing else).
 *
 *   node bench/client.ts [--rounds 3] [--gib 4] [--folder DIR] [--only partway,sdk,rclone] [--plain] [--rtt 0]
 *
 * --folder  where the server's data and the file are stored (default: the system's temporary folder)
 * --plain   plain HTTP, without rclone
 * --rtt     simulates a round-trip time in milliseconds, with 1 MiB in flight per connection (bench/client/line.ts); with 0, there
 *           is no delay. Clients and server share this machine's cores
 */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createClient } from '../packages/client/src/node/index.ts';
import { startConnectProxy } from '../test/clients/rclone/connect-proxy.ts';
import { prepareRclone } from '../test/clients/rclone/rclone.ts';
import { createFile } from '../test/support/bytes.ts';
import { startServer, type TestServer } from '../test/support/server.ts';
import { openLine } from './client/line.ts';
import { type ClientRun, printRun, printSummary } from './client/report.ts';
import { GIB, here, inNewFolder, readProcess, saveResults } from './support.ts';
import { warmPageCache } from './warm.ts';
import { type WatchedRun, watchedRun } from './watched-run.ts';

const HOSTS = ['api.box.com:443', 'upload.box.com:443'];

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    gib: { type: 'string', default: '4' },
    folder: { type: 'string', default: tmpdir() },
    only: { type: 'string', default: 'partway,sdk,rclone' },
    plain: { type: 'boolean', default: false },
    rtt: { type: 'string', default: '0' },
  },
});
const size = Number(values.gib) * GIB;
const rtt = Number(values.rtt);
const WINDOW = 1024 * 1024;
const runs: ClientRun[] = [];

await inNewFolder(values.folder, async (folder) => {
  const file = join(folder, 'file.bin');
  const sha1 = await createFile(file, size, 'bench client');
  await using server = await startServer({ tls: !values.plain, dataFolder: join(folder, 'data') });
  const port = Number(new URL(server.url).port);
  await using line = rtt > 0 ? await openLine({ port, rtt, window: WINDOW }) : undefined;
  const upload = await uploaders(server, { folder, file, port: line?.port ?? port });
  const clients = values.only.split(',').filter((client) => client !== 'rclone' || !values.plain);
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const client of clients) runs.push(await measure(server, { client, round, folder, sha1 }, upload));
  }
});
printSummary(runs);
console.log(`\n${await saveResults('client', { gib: Number(values.gib), plain: values.plain, rtt, runs })}`);

type Uploader = (client: string, name: string) => Promise<WatchedRun>;

/** Returns functions that upload `file` to the server through `port`, one per client. */
async function uploaders(
  server: TestServer,
  { folder, file, port }: { folder: string; file: string; port: number },
): Promise<Uploader> {
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    ...(server.certificates && { NODE_EXTRA_CA_CERTS: server.certificates.ca }),
  };
  return async (client, name) => {
    const { token } = server;
    const url = Object.assign(new URL(server.url), { port }).origin;
    if (client === 'sdk') {
      return watchedRun(process.execPath, [here('client/sdk.ts'), url, token, file, name], env);
    }
    if (client === 'partway') {
      const args = [here('../packages/cli/bin/partway.js'), 'upload', file, '--server', url, '--name', name, '--json'];
      const profile = process.env.BENCH_CPU_PROFILE;
      const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
      return watchedRun(process.execPath, [...flags, ...args], { ...env, PARTWAY_TOKEN: token });
    }
    await using proxy = await startConnectProxy(port, HOSTS);
    const rclone = await prepareRclone(server, proxy);
    return await watchedRun(rclone.file, ['copyto', file, `box:${name}`, ...rclone.args], rclone.env);
  };
}

/** Measures one upload to an empty server, and checks its SHA-1. */
async function measure(
  server: TestServer,
  { client, round, folder, sha1 }: { client: string; round: number; folder: string; sha1: string },
  upload: Uploader,
): Promise<ClientRun> {
  warmPageCache(folder, size);
  const name = `${client}-${round}.bin`;
  const before = readProcess(server.pid).cpuSeconds;
  const { seconds, figures } = await upload(client, name);
  const serverCpuSeconds = readProcess(server.pid).cpuSeconds - before;
  await removeUploaded(server, name, sha1);
  const run = { client, round, bytes: size, seconds, ...figures, serverCpuSeconds };
  printRun(run);
  return run;
}

async function removeUploaded({ url, token, certificates }: TestServer, name: string, sha1: string): Promise<void> {
  const ca = certificates && (await readFile(certificates.ca));
  const client = createClient({ server: url, token, store: false, ca });
  const { entries } = await client.folders.getFolderItems('0', { queryParams: { fields: ['name', 'sha1'] } });
  const file = entries.find((item) => item.name === name);
  if (file?.type !== 'file' || file.sha1 !== sha1) throw new Error(`${name} was not uploaded completely.`);
  await client.files.deleteFileById(file.id);
  await client.trashedFiles.deleteTrashedFileById(file.id);
  client.close();
}
