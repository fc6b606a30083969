/**
 * Measures how fast a committed file is downloaded from Partway, compared with nginx serving the same bytes with sendfile,
 * over plain HTTP. The load generator reads and discards the bytes; each connection downloads the whole file once. The
 * file is in the page cache.
 *
 *   node bench/download.ts [--rounds 5] [--gib 1] [--connections 1,4] [--folder DIR] [--write]
 *
 * --folder  where the servers store their data (default: the system's temporary folder)
 * --write   write the table to docs/operate/performance.md
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { wholeDigest, writeBenchFile } from './body.ts';
import { writeFigures } from './document/performance.ts';
import { type DownloadRun, NGINX, renderDownloadRun, renderDownloads } from './download/report.ts';
import { findGenerator } from './load/generator.ts';
import { upload } from './load/load.ts';
import type { Plan } from './load/plan.ts';
import { createAgent, send } from './load/request.ts';
import { readProcessTree } from './measure/process-tree.ts';
import { inOrderOfRound } from './measure/rounds.ts';
import { findNginxPeer, nginxFiles } from './peers/nginx.ts';
import { GIB, inNewFolder, type MeasuredServer, saveResults, startPartway } from './support.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    gib: { type: 'string', default: '1' },
    connections: { type: 'string', default: '1,4' },
    folder: { type: 'string', default: tmpdir() },
    write: { type: 'boolean', default: false },
  },
});
const size = Number(values.gib) * GIB;
const counts = values.connections.split(',').map(Number);

/** A server with the file, and how to ask for it. */
interface Source {
  name: string;
  server: MeasuredServer;
  find(): Promise<{ path: string }>;
}

const runs: DownloadRun[] = [];
await inNewFolder(values.folder, async (folder) => {
  const sources = [await startOurs(join(folder, 'partway')), ...(await startNginx(join(folder, 'nginx')))];
  for (const source of sources) await measure({ source, connections: 1 }); // so that Node.js compiles its code
  const steps = counts.flatMap((connections) => sources.map((source) => ({ source, connections })));
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const step of inOrderOfRound(steps, round)) {
      const run = { round, ...(await measure(step)) };
      runs.push(run);
      console.log(renderDownloadRun(run));
    }
  }
  for (const { server } of sources) await server.stop();
});
const report = renderDownloads(runs);
console.log(`\nMedian (spread: maximum minus minimum, in percent of the median)\n\n${report}\n`);
if (values.write) writeFigures('downloads', report);
console.log(await saveResults('download', { gib: Number(values.gib), runs }));

async function startOurs(folder: string): Promise<Source> {
  const server = await startPartway(folder);
  const digest = wholeDigest(size);
  const { fileId } = await upload({ protocol: 'partway', ...server, size, digest, connections: 4 });
  const find = async () => {
    const headers = { authorization: `Bearer ${server.token}` };
    const call = { agent: createAgent(server.url), method: 'GET', headers, status: 302 };
    const { headers: found } = await send(`${server.url}/2.0/files/${fileId}/content`, call);
    const { pathname, search } = new URL(found.location ?? '', server.url);
    return { path: `${pathname}${search}` };
  };
  return { name: 'partway', server, find };
}

async function startNginx(folder: string): Promise<Source[]> {
  const peer = findNginxPeer();
  if ('missing' in peer) {
    console.log(`Left out: ${NGINX}. ${peer.missing}`);
    return [];
  }
  mkdirSync(folder);
  const server = await peer.start(folder);
  await writeBenchFile(join(nginxFiles(folder), 'file'), size);
  return [{ name: NGINX, server, find: async () => ({ path: '/file' }) }];
}

async function measure(step: { source: Source; connections: number }): Promise<Omit<DownloadRun, 'round'>> {
  const { name, server, find } = step.source;
  const { path } = await find();
  const request = { method: 'GET', path, headers: {}, status: 200 };
  const requests = Array.from({ length: step.connections }, () => request);
  const plan: Plan = { url: server.url, connections: step.connections, requests };
  const generator = findGenerator({ tls: false });
  const before = readProcessTree(server.pid);
  const { seconds, receivedBytes: bytes, cpuSeconds, peakRssBytes } = await generator.send(plan);
  const after = readProcessTree(server.pid);
  if (bytes !== size * step.connections) throw new Error(`${bytes} bytes were received from ${name}.`);
  return {
    ...{ contender: name, connections: step.connections, generator: generator.name, bytes, seconds },
    serverCpuSeconds: after.cpuSeconds - before.cpuSeconds,
    serverPeakRssBytes: after.peakRssBytes,
    loadCpuSeconds: cpuSeconds,
    loadPeakRssBytes: peakRssBytes,
  };
}
