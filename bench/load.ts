/**
 * The load generator: uploads one file and prints what it cost as one line of JSON. A process of its own, and as cheap
 * as it can be made: bodies and digests lie ready before the clock starts, and nothing is checked but statuses.
 */
import { pathToFileURL } from 'node:url';
import { partwayUpload } from './load-partway.ts';
import { tusUpload } from './load-tus.ts';
import { readProcess } from './support.ts';
import { warmPageCache } from './warm.ts';

export interface LoadOrder {
  protocol: 'partway' | 'tus';
  url: string;
  token: string;
  /** The server's process, whose CPU time and memory are read. */
  pid: number;
  size: number;
  /** The whole file's SHA-1 in base64. */
  digest: string;
  connections: number;
  /** tus only: bytes a PATCH; the whole file in one without it. */
  chunk?: number;
  /** On the disk under measurement, for warming the page cache; without it, no warming. */
  warmIn?: string;
}

/** What a protocol's uploader gives back; the clock runs from the first byte to the answer for the last. */
export interface Uploaded {
  seconds: number;
  /** From the last part's answer to the commit's 201, where there is a commit. */
  commitSeconds?: number;
  partSize?: number;
}

export interface LoadResult extends Uploaded {
  /** From the first byte to the end, the commit with it. */
  serverCpuSeconds: number;
  serverPeakRssBytes: number;
  loadCpuSeconds: number;
}

/** An upload that is ready to start: everything costly was done. */
export type PreparedUpload = () => Promise<Uploaded>;

async function run(order: LoadOrder): Promise<LoadResult> {
  const upload = await (order.protocol === 'tus' ? tusUpload(order) : partwayUpload(order));
  if (order.warmIn !== undefined) warmPageCache(order.warmIn, order.size);
  const before = readProcess(order.pid);
  const ownBefore = process.cpuUsage();
  const uploaded = await upload();
  const own = process.cpuUsage(ownBefore);
  const after = readProcess(order.pid);
  return {
    ...uploaded,
    serverCpuSeconds: after.cpuSeconds - before.cpuSeconds,
    serverPeakRssBytes: after.peakRssBytes,
    loadCpuSeconds: (own.user + own.system) / 1e6,
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const order = JSON.parse(process.argv[2] ?? 'null') as LoadOrder;
  console.log(JSON.stringify(await run(order)));
  process.exit(0);
}
