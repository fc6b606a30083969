/**
 * The load generator: uploads one file and prints the measurements as one line of JSON. It is a separate process and uses as
 * little CPU time as possible: bodies and digests are created before the clock starts, and only statuses are checked.
 */
import { pathToFileURL } from 'node:url';
import { readProcess } from '../support.ts';
import { warmPageCache } from '../warm.ts';
import { partwayUpload } from './partway.ts';
import { tusUpload } from './tus.ts';

export interface LoadOrder {
  protocol: 'partway' | 'tus';
  url: string;
  token: string;
  /** The server's process, whose CPU time and memory are measured. */
  pid: number;
  size: number;
  /** The whole file's SHA-1 in base64. */
  digest: string;
  connections: number;
  /** For tus: bytes per PATCH. By default, one PATCH sends the whole file. */
  chunk?: number;
  /** A folder on the measured disk, for warming the page cache. By default, it is not warmed. */
  warmIn?: string;
}

/** The result of a protocol's uploader. The clock runs from the first byte to the response for the last one. */
export interface Uploaded {
  seconds: number;
  /** From the last part's response to the commit's 201, if there is a commit. */
  commitSeconds?: number;
  partSize?: number;
}

export interface LoadResult extends Uploaded {
  /** From the first byte to the end, including the commit. */
  serverCpuSeconds: number;
  serverPeakRssBytes: number;
  loadCpuSeconds: number;
}

/** An upload that is ready to start, after all costly preparations. */
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
