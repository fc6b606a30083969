import type { LoadOrder, PlannedUpload } from './load.ts';
import type { PlannedRequest } from './plan.ts';
import { createAgent, send } from './request.ts';

/** tus 1.0: sends the bytes in order over one connection, in one PATCH or in consecutive PATCHes of `chunk` bytes. */
export async function planTusUpload(order: LoadOrder): Promise<PlannedUpload> {
  const { url, size, chunk = size } = order;
  const create = { 'tus-resumable': '1.0.0', 'upload-length': size, 'content-length': 0 };
  const call = { agent: createAgent(url), method: 'POST', headers: create, status: 201 };
  const { headers } = await send(`${url}/files/`, call);
  const { pathname: path } = new URL(headers.location ?? '', url);

  const requests: PlannedRequest[] = [];
  for (let offset = 0; offset < size; offset += chunk) {
    const headers = {
      'tus-resumable': '1.0.0',
      'upload-offset': offset,
      'content-type': 'application/offset+octet-stream',
    };
    const body = { offset, length: Math.min(chunk, size - offset) };
    requests.push({ method: 'PATCH', path, headers, status: 204, body });
  }
  return { plan: { url, connections: 1, requests } };
}
