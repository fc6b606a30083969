/**
 * Measures the time from the last part's response to the 201 of the commit, for many uploads to one server one after another,
 * on a disk and in memory.
 *
 *   node bench/commit-time.ts [--uploads 100] [--size 1] [--folders DIR,DIR] [--write]
 *
 * --size     of each file, in GiB. A file is deleted before the next one is uploaded
 * --folders  where the servers store their data (default: the system's temporary folder and /dev/shm)
 * --write    write the table to docs/operate/performance.md
 */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { wholeDigest } from './body.ts';
import { type CommitTimes, renderCommitTimes } from './commit-time/report.ts';
import { writeFigures } from './document/performance.ts';
import { upload } from './load/load.ts';
import { createAgent, send } from './load/request.ts';
import { GIB, inNewFolder, isInMemory, type MeasuredServer, saveResults, startPartway } from './support.ts';

const CONNECTIONS = 4;

const { values } = parseArgs({
  options: {
    uploads: { type: 'string', default: '100' },
    size: { type: 'string', default: '1' },
    folders: { type: 'string', default: `${tmpdir()},/dev/shm` },
    write: { type: 'boolean', default: false },
  },
});
const gib = Number(values.size);
const digest = wholeDigest(gib * GIB);

const found: CommitTimes[] = [];
for (const base of values.folders.split(',')) {
  const place = isInMemory(base) ? 'memory (tmpfs)' : 'disk';
  const millis = await inNewFolder(base, measureAll);
  found.push({ place, gib, millis });
}
const report = renderCommitTimes(found);
console.log(`\n${report}\n`);
if (values.write) writeFigures('commit-time', report);
console.log(await saveResults('commit-time', { connections: CONNECTIONS, found }));

async function measureAll(folder: string): Promise<number[]> {
  const server = await startPartway(folder);
  const millis: number[] = [];
  for (let count = 1; count <= Number(values.uploads); count++) {
    const size = gib * GIB;
    const { commitSeconds = Number.NaN, fileId = '' } = await upload({
      ...{ protocol: 'partway', ...server, size, digest, connections: CONNECTIONS },
      ...(count === 1 && { warmIn: folder }),
    });
    millis.push(commitSeconds * 1000);
    console.log(`${folder}  upload ${count}  last part to 201 ${(commitSeconds * 1000).toFixed(1)} ms`);
    await deleteFile(server, fileId);
  }
  await server.stop();
  return millis;
}

/** Deletes a file and its bytes. */
async function deleteFile({ url, token }: MeasuredServer, id: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  const call = { agent: createAgent(url), method: 'DELETE', headers, status: 204 };
  await send(`${url}/2.0/files/${id}`, call);
  await send(`${url}/2.0/files/${id}/trash`, call);
}
