/**
 * Measures `partway sync` next to `rclone copy`, in turns, over TLS to one Partway server: many small files and one large file,
 * sent for the first time, and again when the server already has them. Prints medians with their spread, and the processor
 * time of the client.
 *
 *   node bench/cli.ts [--rounds 3] [--files 2000] [--kb 10] [--gib 4] [--folder DIR]
 *
 * --files, --kb  number and size of the small files, in units of 1,000 bytes
 * --gib          size of the large file
 * --folder       where the server's data and the files are stored (default: the system's temporary folder)
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PARTWAY } from '../test/cli/run.ts';
import { startConnectProxy } from '../test/clients/rclone/connect-proxy.ts';
import { prepareRclone } from '../test/clients/rclone/rclone.ts';
import { createFile, seededBytes } from '../test/support/bytes.ts';
import { startServer, type TestServer } from '../test/support/server.ts';
import { inOrderOfRound } from './measure/rounds.ts';
import { GIB, inNewFolder, MIB, median, saveResults, spread } from './support.ts';
import { type WatchedRun, watchedRun } from './watched-run.ts';

const HOSTS = ['api.box.com:443', 'upload.box.com:443'];

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    files: { type: 'string', default: '2000' },
    kb: { type: 'string', default: '10' },
    gib: { type: 'string', default: '4' },
    folder: { type: 'string', default: tmpdir() },
  },
});

/** One run of a client. */
interface CliRun {
  /** What is uploaded, and whether the server has it already. */
  task: string;
  client: string;
  round: number;
  seconds: number;
  cpuSeconds: number;
  peakRssBytes: number;
}

type Uploader = (source: string, target: string) => Promise<WatchedRun>;

const runs: CliRun[] = [];
await inNewFolder(values.folder, async (folder) => {
  const sources = await createSources(folder);
  await using server = await startServer({ tls: true, dataFolder: join(folder, 'data') });
  await using proxy = await startConnectProxy(Number(new URL(server.url).port), HOSTS);
  const rclone = await prepareRclone(server, proxy);
  const clients: [string, Uploader][] = [
    ['partway', (source, target) => runPartway(server, { home: folder, source, target })],
    [
      'rclone',
      (source, target) =>
        watchedRun(rclone.file, ['copy', '--checksum', source, `box:${target}`, ...rclone.args], rclone.env),
    ],
  ];
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    for (const { name, path } of sources) {
      for (const [client, upload] of inOrderOfRound(clients, round)) {
        const target = `${client} ${round} ${name}`;
        for (const task of [`${name}, new`, `${name}, again`]) {
          const { seconds, figures } = await upload(path, target);
          runs.push({ task, client, round, seconds, ...figures });
        }
      }
    }
  }
});
printSummary();
console.log(`\n${await saveResults('cli', { ...values, runs })}`);

async function createSources(folder: string): Promise<{ name: string; path: string }[]> {
  const many = join(folder, 'many');
  await mkdir(many);
  for (let number = 0; number < Number(values.files); number += 1) {
    await writeFile(join(many, `file ${number}.bin`), seededBytes(Number(values.kb) * 1000, `bench cli ${number}`));
  }
  const one = join(folder, 'one');
  await mkdir(one);
  await createFile(join(one, 'large.bin'), Number(values.gib) * GIB, 'bench cli');
  return [
    { name: `${values.files} x ${values.kb} KB`, path: many },
    { name: `1 x ${values.gib} GiB`, path: one },
  ];
}

/** Uploads what is in `source`, as `rclone copy` does. */
function runPartway(
  server: TestServer,
  { home, source, target }: { home: string; source: string; target: string },
): Promise<WatchedRun> {
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(home, 'compiled'),
    ...(server.certificates && { NODE_EXTRA_CA_CERTS: server.certificates.ca }),
    PARTWAY_SERVER: server.url,
    PARTWAY_TOKEN: server.token,
  };
  return watchedRun(process.execPath, [PARTWAY, 'sync', source, '--to', `/${target}`, '--quiet'], env);
}

function printSummary(): void {
  console.log('Median (spread: maximum minus minimum, in % of the median)');
  for (const [task, ofTask] of Map.groupBy(runs, (run) => run.task)) {
    for (const [client, group] of Map.groupBy(ofTask, (run) => run.client)) {
      const figure = (title: string, read: (run: CliRun) => number, digits: number) => {
        const numbers = group.map(read);
        return `${median(numbers).toFixed(digits).padStart(7)} ${title} (${(spread(numbers) * 100).toFixed(0)} %)`;
      };
      const figures = [
        figure('s', ({ seconds }) => seconds, 2),
        figure('CPU s', ({ cpuSeconds }) => cpuSeconds, 2),
        figure('peak MiB', ({ peakRssBytes }) => peakRssBytes / MIB, 0),
      ];
      console.log(`${task.padEnd(24)} ${client.padEnd(8)} ${figures.join('  ')}`);
    }
  }
}
