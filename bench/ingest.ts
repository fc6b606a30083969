/**
 * Measures how fast parts are received. Compares Partway, which verifies and syncs every part, with servers that do less, and
 * with the CPU time below which it cannot get (the floor): nginx's for storing the bytes, and twice OpenSSL's for hashing
 * them. Every run has a new server process, a new folder and a new file. All contenders run once in each round, in the
 * opposite order in every second one.
 *
 *   node bench/ingest.ts [--rounds 5] [--sizes 1] [--folder DIR] [--only GROUPS] [--tls] [--tus-chunk] [--dd] [--cold]
 *     [--write]
 *
 * --sizes      file sizes in GiB, as in 1,8.
 * --folder     where the servers store their data, on a disk or in memory (default: the system's temporary folder).
 * --only       some of partway, nginx, sink, tusd and tus, as in partway,nginx.
 * --tls        also measure Partway over TLS.
 * --tus-chunk  also measure @tus/server with PATCHes of 64 MiB, besides one PATCH per file, which is fastest for it.
 * --dd         also write and sync a file of the same size with dd.
 * --cold       do not warm the page cache before a run (see warm.ts).
 * --write      write the table to docs/operate/performance.md.
 */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { wholeDigest } from './body.ts';
import { writeFigures } from './document/performance.ts';
import { type FoundContender, findContenders } from './ingest/contenders.ts';
import { measureDd, measureSha1Pass } from './ingest/costs.ts';
import { renderReport, renderRun } from './ingest/report.ts';
import type { Results } from './ingest/results.ts';
import { type LoadResult, upload } from './load/load.ts';
import { gigabytesPerSecond, inOrderOfRound } from './measure/rounds.ts';
import { GIB, inNewFolder, isInMemory, saveResults } from './support.ts';

const CONNECTIONS = 4;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    sizes: { type: 'string', default: '1' },
    folder: { type: 'string', default: tmpdir() },
    only: { type: 'string' },
    tls: { type: 'boolean', default: false },
    'tus-chunk': { type: 'boolean', default: false },
    dd: { type: 'boolean', default: false },
    cold: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const contenders = findContenders({ only: values.only, tls: values.tls, tusChunk: values['tus-chunk'] });
const results: Results = { runs: [], sha1Passes: [], dd: [] };

for (const gib of values.sizes.split(',').map(Number)) {
  const steps = [...contenders.map(runOf), passOf, ...(values.dd ? [ddOf] : [])];
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const step of inOrderOfRound(steps, round)) await step(gib, round);
  }
}
const report = renderReport(results);
const versions = contenders.map(({ version }) => version);
console.log(`\nMedian (spread: maximum minus minimum, in percent of the median)\n\n${report}\n`);
if (values.write) writeFigures(isInMemory(values.folder) ? 'uploads-memory' : 'uploads-disk', report);
console.log(await saveResults('ingest', { connections: CONNECTIONS, cold: values.cold, versions, ...results }));

type Step = (gib: number, round: number) => Promise<void>;

function runOf(contender: FoundContender): Step {
  return async (gib, round) => {
    const run = { contender: contender.name, gib, round, ...(await measure(contender, gib * GIB)) };
    results.runs.push(run);
    console.log(renderRun(run));
  };
}

async function passOf(gib: number, round: number): Promise<void> {
  const cpuSecondsPerGb = measureSha1Pass();
  results.sha1Passes.push({ gib, round, cpuSecondsPerGb });
  console.log(`${gib} GiB  round ${round}  one SHA-1 pass        ${cpuSecondsPerGb.toFixed(3)} CPU s/GB`);
}

async function ddOf(gib: number, round: number): Promise<void> {
  const seconds = await inNewFolder(values.folder, (folder) => measureDd(folder, gib * GIB));
  results.dd.push({ gib, round, seconds });
  console.log(
    `${gib} GiB  round ${round}  dd                    ${gigabytesPerSecond({ gib, seconds }).toFixed(3)} GB/s`,
  );
}

async function measure({ protocol, chunk, start }: FoundContender, size: number): Promise<LoadResult> {
  const digest = wholeDigest(size);
  return inNewFolder(values.folder, async (folder) => {
    const server = await start(folder);
    try {
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
