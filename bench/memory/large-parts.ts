import { wholeDigest } from '../body.ts';
import { partwayUpload } from '../load/partway.ts';
import { type MeasuredServer, readProcess } from '../support.ts';

/** Uploads all `parts` parts of a file at once, and returns the server's memory before and at its peak. */
export async function uploadLargeParts(
  server: MeasuredServer,
  { parts, partSize }: { parts: number; partSize: number },
): Promise<{ idleBytes: number; peakBytes: number }> {
  const size = parts * partSize;
  const { url, token, pid } = server;
  const digest = wholeDigest(size);
  const upload = await partwayUpload({ protocol: 'partway', url, token, pid, size, digest, connections: parts });
  const idleBytes = readProcess(server.pid).rssBytes;
  const uploaded = await upload();
  if (uploaded.partSize !== partSize) throw new Error(`The server's part size is ${uploaded.partSize}.`);
  return { idleBytes, peakBytes: readProcess(server.pid).peakRssBytes };
}
