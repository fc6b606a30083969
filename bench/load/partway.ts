import { Agent } from 'node:http';
import { BenchBody } from '../body.ts';
import type { LoadOrder, PreparedUpload } from './load.ts';
import { send } from './request.ts';

interface Session {
  part_size: number;
  total_parts: number;
  session_endpoints: { upload_part: string; commit: string };
}

/** Box's chunked upload: parts over `connections` parallel connections, then the commit. */
export async function partwayUpload(order: LoadOrder): Promise<PreparedUpload> {
  const agent = new Agent({ keepAlive: true, maxSockets: order.connections });
  const authorization = `Bearer ${order.token}`;
  const session = await createSession(order, agent, authorization);
  const { part_size: partSize, total_parts: total, session_endpoints: endpoints } = session;
  const body = new BenchBody(partSize);
  const lengthAt = (offset: number) => Math.min(partSize, order.size - offset);
  for (let index = 0; index < total; index++) body.digest(index * partSize, lengthAt(index * partSize));

  const put = (index: number) => {
    const offset = index * partSize;
    const length = lengthAt(offset);
    const headers = {
      authorization,
      digest: `sha=${body.digest(offset, length)}`,
      'content-range': `bytes ${offset}-${offset + length - 1}/${order.size}`,
      'content-type': 'application/octet-stream',
      'content-length': length,
    };
    return send(endpoints.upload_part, { agent, method: 'PUT', headers, status: 200 }, body.bytes(offset, length));
  };

  return async () => {
    const parts = Array<unknown>(total);
    let next = 0;
    const lane = async () => {
      for (let index = next++; index < total; index = next++) {
        parts[index] = (JSON.parse((await put(index)).text) as { part: unknown }).part;
      }
    };
    const start = performance.now();
    await Promise.all(Array.from({ length: order.connections }, lane));
    const stored = performance.now();

    const headers = { authorization, digest: `sha=${order.digest}`, 'content-type': 'application/json' };
    await send(endpoints.commit, { agent, method: 'POST', headers, status: 201 }, JSON.stringify({ parts }));
    const committed = performance.now();
    return { seconds: (stored - start) / 1000, commitSeconds: (committed - stored) / 1000, partSize };
  };
}

async function createSession(order: LoadOrder, agent: Agent, authorization: string): Promise<Session> {
  const headers = { authorization, 'content-type': 'application/json' };
  const wanted = JSON.stringify({ folder_id: '0', file_size: order.size, file_name: 'bench.bin' });
  const call = { agent, method: 'POST', headers, status: 201 };
  return JSON.parse((await send(`${order.url}/2.0/files/upload_sessions`, call, wanted)).text) as Session;
}
