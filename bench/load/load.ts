import { readProcessTree } from '../measure/process-tree.ts';
import type { MeasuredServer } from '../support.ts';
import { warmPageCache } from '../warm.ts';
import { findGenerator, type LoadGenerator } from './generator.ts';
import { planPartwayUpload } from './partway.ts';
import type { Plan } from './plan.ts';
import { planFiles, planRanges } from './put.ts';
import { readClock } from './request.ts';
import { planTusUpload } from './tus.ts';

/** How an upload is sent. "files": a PUT of a new file for each part; "ranges": a PUT with a range for each part. */
export type Protocol = 'partway' | 'tus' | 'files' | 'ranges';

/** One file to upload to one server. */
export interface LoadOrder extends Omit<MeasuredServer, 'stop'> {
  protocol: Protocol;
  size: number;
  /** The whole file's SHA-1 in base64. */
  digest: string;
  connections: number;
  /** For tus: bytes per PATCH. By default, one PATCH sends the whole file. */
  chunk?: number;
  /** A folder on the measured disk, for warming the page cache. By default, it is not warmed. */
  warmIn?: string;
}

/** An upload that is ready to start, after all costly preparations. */
export interface PlannedUpload {
  plan: Plan;
  partSize?: number;
  /** Completes the upload with the bodies of the responses, and resolves with the file's ID. */
  commit?(answers: readonly string[]): Promise<string>;
}

export interface LoadResult {
  generator: LoadGenerator['name'];
  /** From the first byte to the response for the last one. */
  seconds: number;
  /** From the last part's response to the commit's 201, with the few milliseconds until the commit is sent. */
  commitSeconds?: number;
  fileId?: string;
  partSize?: number;
  /** Of the server and its child processes, from the first byte to the end, including the commit. */
  serverCpuSeconds: number;
  serverPeakRssBytes: number;
  /** Of the load generator, without the commit. */
  loadCpuSeconds: number;
  loadPeakRssBytes: number;
}

const PLANNERS: Record<Protocol, (order: LoadOrder) => Promise<PlannedUpload> | PlannedUpload> = {
  partway: planPartwayUpload,
  tus: planTusUpload,
  files: planFiles,
  ranges: planRanges,
};

/** Uploads one file from a separate process, and measures it. */
export async function upload(order: LoadOrder): Promise<LoadResult> {
  const { plan, partSize, commit } = await PLANNERS[order.protocol](order);
  const generator = findGenerator({ tls: order.ca !== undefined });
  if (order.warmIn !== undefined) warmPageCache(order.warmIn, order.size);
  const before = readProcessTree(order.pid);
  const sent = await generator.send(plan);
  const fileId = await commit?.(sent.answers);
  const commitSeconds = readClock() - sent.endedAt;
  const after = readProcessTree(order.pid);
  if (sent.sentBytes !== order.size) throw new Error(`${sent.sentBytes} bytes were sent instead of ${order.size}.`);
  return {
    generator: generator.name,
    seconds: sent.seconds,
    ...(fileId !== undefined && { commitSeconds, fileId }),
    ...(partSize !== undefined && { partSize }),
    serverCpuSeconds: after.cpuSeconds - before.cpuSeconds,
    serverPeakRssBytes: after.peakRssBytes,
    loadCpuSeconds: sent.cpuSeconds,
    loadPeakRssBytes: sent.peakRssBytes,
  };
}
