import { BenchBody } from '../body.ts';
import type { LoadOrder, PlannedUpload } from './load.ts';
import { createAgent, send } from './request.ts';

interface Session {
  part_size: number;
  total_parts: number;
  session_endpoints: { upload_part: string; commit: string };
}

/** Box's chunked upload: parts over `connections` parallel connections, then the commit. */
export async function planPartwayUpload(order: LoadOrder): Promise<PlannedUpload> {
  const session = await createSession(order);
  const { part_size: partSize, total_parts: total, session_endpoints: endpoints } = session;
  const body = new BenchBody(partSize);
  const requests = Array.from({ length: total }, (_, index) => {
    const offset = index * partSize;
    const length = Math.min(partSize, order.size - offset);
    const headers = {
      authorization: `Bearer ${order.token}`,
      ...partHeaders(body, { offset, length, size: order.size }),
      'content-type': 'application/octet-stream',
    };
    return {
      method: 'PUT',
      path: new URL(endpoints.upload_part).pathname,
      headers,
      status: 200,
      body: { offset, length },
    };
  });
  return {
    plan: {
      url: order.url,
      ...(order.ca && { ca: order.ca }),
      connections: order.connections,
      requests,
      keepAnswers: true,
    },
    partSize,
    commit: (answers) => commit(order, endpoints.commit, answers),
  };
}

/** The headers that say which part it is, and its SHA-1. */
export function partHeaders(body: BenchBody, part: { offset: number; length: number; size: number }) {
  const { offset, length, size } = part;
  return {
    digest: `sha=${body.digest(offset, length)}`,
    'content-range': `bytes ${offset}-${offset + length - 1}/${size}`,
  };
}

async function createSession(order: LoadOrder): Promise<Session> {
  const agent = createAgent(order.url, { ca: order.ca });
  const headers = { authorization: `Bearer ${order.token}`, 'content-type': 'application/json' };
  const wanted = JSON.stringify({ folder_id: '0', file_size: order.size, file_name: 'bench.bin' });
  const call = { agent, method: 'POST', headers, status: 201 };
  return JSON.parse((await send(`${order.url}/2.0/files/upload_sessions`, call, wanted)).text) as Session;
}

/** Repeats the commit as long as the server is still hashing (202), without waiting in between. */
async function commit(order: LoadOrder, url: string, answers: readonly string[]): Promise<string> {
  const agent = createAgent(order.url, { ca: order.ca });
  const parts = answers.map((answer) => (JSON.parse(answer) as { part: unknown }).part);
  const headers = {
    authorization: `Bearer ${order.token}`,
    digest: `sha=${order.digest}`,
    'content-type': 'application/json',
  };
  const call = { agent, method: 'POST', headers, status: [201, 202] };
  for (;;) {
    const { status, text } = await send(url, call, JSON.stringify({ parts }));
    if (status === 201) return (JSON.parse(text) as { entries: [{ id: string }] }).entries[0].id;
  }
}
