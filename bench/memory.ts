/**
 * Measures the memory of uploads.
 *
 *   node bench/memory.ts [--connections 1000] [--seconds 10] [--folder DIR]
 *
 * (a) Many uploads at once, each sending a part at 100 KB/s: the server's growth per upload.
 * (b) Four parts of 64 MiB in parallel, as fast as possible: the server's peak.
 */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { uploadLargeParts } from './memory/large-parts.ts';
import { trickle } from './memory/trickle.ts';
import { inNewFolder, MIB, saveResults, startPartway } from './support.ts';

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '10' },
    folder: { type: 'string', default: tmpdir() },
  },
});
const connections = Number(values.connections);

const slow = await inNewFolder(values.folder, async (folder) => {
  const server = await startPartway(folder, { PARTWAY_MIN_SESSION_SIZE: '1' });
  try {
    return await trickle(server, { connections, seconds: Number(values.seconds) });
  } finally {
    await server.stop();
  }
});
const kib = (bytes: number) => (bytes / connections / 1024).toFixed(1);
console.log(`${connections} uploads at 100 KB/s each (${slow.dropped} dropped by the server):`);
console.log(`  RSS with open sessions ${mib(slow.idleBytes)}, after complete parts ${mib(slow.warmBytes)}`);
console.log(`  peak ${mib(slow.highestBytes)}`);
console.log(
  `  growth per upload: ${kib(slow.highestBytes - slow.idleBytes)} KiB from idle, ${kib(slow.highestBytes - slow.warmBytes)} KiB from warm`,
);

const large = await inNewFolder(values.folder, async (folder) => {
  const server = await startPartway(folder, { PARTWAY_PART_SIZE: String(64 * MIB) });
  try {
    return await uploadLargeParts(server, { parts: 4, partSize: 64 * MIB });
  } finally {
    await server.stop();
  }
});
console.log(`4 parts of 64 MiB in parallel: RSS ${mib(large.idleBytes)} before, peak ${mib(large.peakBytes)}`);
console.log(await saveResults('memory', { connections, slow, large }));

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
