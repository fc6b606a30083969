import { Agent, type ClientRequest } from 'node:http';
import { BenchBody } from '../body.ts';
import { MIB } from '../support.ts';
import type { LoadOrder, PreparedUpload } from './load.ts';
import { send, sendWith } from './request.ts';

const WRITE = 8 * MIB;
const WRITES_AHEAD = 2;

/** tus 1.0: sends the bytes in order, in one PATCH or in consecutive PATCHes of `chunk` bytes. */
export async function tusUpload(order: LoadOrder): Promise<PreparedUpload> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const create = { 'tus-resumable': '1.0.0', 'upload-length': order.size, 'content-length': 0 };
  const { headers } = await send(`${order.url}/files`, { agent, method: 'POST', headers: create, status: 201 });
  const location = new URL(headers.location ?? '', order.url).href;
  const body = new BenchBody();
  const chunk = order.chunk ?? order.size;

  const patch = (offset: number) => {
    const length = Math.min(chunk, order.size - offset);
    const headers = {
      'tus-resumable': '1.0.0',
      'upload-offset': offset,
      'content-type': 'application/offset+octet-stream',
      'content-length': length,
    };
    const call = { agent, method: 'PATCH', headers, status: 204 };
    return sendWith(location, call, (outgoing) => pour(outgoing, body, offset, offset + length));
  };

  return async () => {
    const start = performance.now();
    for (let offset = 0; offset < order.size; offset += chunk) await patch(offset);
    return { seconds: (performance.now() - start) / 1000 };
  };
}

/** Writes the file's bytes from `start` to `end`, and always queues the next write behind the one in progress. */
function pour(outgoing: ClientRequest, body: BenchBody, start: number, end: number): void {
  let offset = start;
  const next = (error?: Error | null) => {
    if (error) return;
    if (offset >= end) {
      if (!outgoing.writableEnded) outgoing.end();
      return;
    }
    const bytes = body.bytes(offset, Math.min(WRITE, end - offset));
    offset += bytes.length;
    outgoing.write(bytes, next);
  };
  for (let ahead = 0; ahead < WRITES_AHEAD; ahead++) next();
}
