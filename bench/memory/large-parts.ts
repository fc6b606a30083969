import { wholeDigest } from '../body.ts';
import { upload } from '../load/load.ts';
import { type MeasuredServer, readProcess } from '../support.ts';

/** Uploads all `parts` parts of a file at once, and returns the server's memory before and at its peak. */
export async function uploadLargeParts(
  server: MeasuredServer,
  { parts, partSize }: { parts: number; partSize: number },
): Promise<{ idleBytes: number; peakBytes: number }> {
  const size = parts * partSize;
  const digest = wholeDigest(size);
  const idleBytes = readProcess(server.pid).rssBytes;
  const uploaded = await upload({ protocol: 'partway', ...server, size, digest, connections: parts });
  if (uploaded.partSize !== partSize) throw new Error(`The server's part size is ${uploaded.partSize}.`);
  return { idleBytes, peakBytes: uploaded.serverPeakRssBytes };
}
