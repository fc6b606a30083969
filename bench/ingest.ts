/**
 * Measures how fast parts are received. Compares Partway with its defaults, which verifies and syncs every part, with the
 * other values of PARTWAY_NATIVE, and with `@tus/server` and its file store, which does neither. Every run has a new server process and a new folder on one disk.
 *
 *   node bench/ingest.ts [--rounds 3] [--sizes 1,8] [--folder DIR] [--only partway|tus] [--tus-chunk] [--cold]
 *
 * --sizes      file sizes in GiB.
 * --folder     where the servers store their data (default: the system's temporary folder).
 * --cold       do not warm the page cache before a run (see warm.ts).
 * --tus-chunk  also measure tus with PATCHes of 64 MiB, besides one PATCH per file, which is fastest for it.
 */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { wholeDigest } from './body.ts';
import { printRun, printSummary } from './ingest/report.ts';
import { type LoadOrder, type LoadResult, upload } from './load/load.ts';
import { GIB, inNewFolder, type MeasuredServer, MIB, saveResults, startPartway, startPeer } from './support.ts';

export interface Contender {
  name: string;
  protocol: LoadOrder['protocol'];
  start(dataFolder: string): Promise<MeasuredServer>;
  chunk?: number;
}

export interface Run extends LoadResult {
  contender: string;
  gib: number;
  round: number;
}

const CONNECTIONS = 4;
const CONTENDERS: Contender[] = [
  { name: 'partway', protocol: 'partway', start: (folder) => startPartway(folder) },
  {
    name: 'partway, chunks',
    protocol: 'partway',
    start: (folder) => startPartway(folder, { PARTWAY_NATIVE: 'chunks' }),
  },
  {
    name: 'partway, native off',
    protocol: 'partway',
    start: (folder) => startPartway(folder, { PARTWAY_NATIVE: 'off' }),
  },
  { name: 'tus', protocol: 'tus', start: (folder) => startPeer('tus-server', folder) },
];
const TUS_CHUNKED: Contender = { ...(CONTENDERS.at(-1) as Contender), name: 'tus 64 MiB', chunk: 64 * MIB };

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    sizes: { type: 'string', default: '1,8' },
    folder: { type: 'string', default: tmpdir() },
    only: { type: 'string' },
    cold: { type: 'boolean', default: false },
    'tus-chunk': { type: 'boolean', default: false },
  },
});
const contenders = [...CONTENDERS, ...(values['tus-chunk'] ? [TUS_CHUNKED] : [])].filter(
  ({ protocol }) => values.only === undefined || protocol === values.only,
);
const sizes = values.sizes.split(',').map(Number);

const runs: Run[] = [];
for (const gib of sizes) {
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const contender of contenders) {
      const run = { contender: contender.name, gib, round, ...(await measure(contender, gib * GIB)) };
      runs.push(run);
      printRun(run);
    }
  }
}
printSummary(runs);
console.log(`\n${await saveResults('ingest', { connections: CONNECTIONS, cold: values.cold, runs })}`);

async function measure(contender: Contender, size: number): Promise<LoadResult> {
  const digest = wholeDigest(size);
  return inNewFolder(values.folder, async (folder) => {
    const server = await contender.start(folder);
    try {
      const { protocol, chunk } = contender;
      return await upload({
        ...{ protocol, ...server, size, digest, connections: CONNECTIONS },
        ...(chunk && { chunk }),
        ...(!values.cold && { warmIn: folder }),
      });
    } finally {
      await server.stop();
    }
  });
}
