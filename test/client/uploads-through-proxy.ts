import { createClient, memoryStateStore, type NodeSource } from '../../packages/client/src/node/index.ts';
import type { StateStore } from '../../packages/client/src/state.ts';
import type { UploadOptions } from '../../packages/client/src/upload-options.ts';
import { collectEvents } from './client-fixture.ts';
import { type Fault, type FaultProxy, type SeenRequest, startFaultProxy } from './fault-proxy.ts';

export const isPut = ({ method, path }: SeenRequest) => method === 'PUT' && path.includes('/upload_sessions/');
export const isCommit = ({ path }: SeenRequest) => path.endsWith('/commit');
export const isCreate = ({ method, path }: SeenRequest) => method === 'POST' && path.endsWith('/upload_sessions');
export const isPartList = ({ path }: SeenRequest) => path.endsWith('/parts');
export const isSessionList = ({ method, path }: SeenRequest) => method === 'GET' && path === '/files/upload_sessions';
export const isDirectUpload = ({ method, path }: SeenRequest) => method === 'POST' && path.endsWith('/content');

/** An error of the server that the proxy sends without forwarding the request. */
export function errorResponse(status: number, code: string, headers: Record<string, string> = {}): Fault {
  return { answer: { status, headers, json: { type: 'error', status, code, message: `${code}.` } } };
}

/** Uploads through a proxy that does to each request what `decide` returns. Resolves also if the upload fails. */
export async function uploadThrough(
  server: { url: string; token: string },
  source: NodeSource,
  options: UploadOptions,
  decide: (seen: SeenRequest) => Fault | undefined = () => undefined,
) {
  await using proxy = await startFaultProxy(server, decide);
  return await uploadVia(proxy, server.token, source, options, memoryStateStore());
}

/** Uploads through a running proxy. `count` counts the requests of this upload. Resolves also if the upload fails. */
export async function uploadVia(
  proxy: FaultProxy,
  token: string,
  source: NodeSource,
  options: UploadOptions,
  store: StateStore,
) {
  const client = createClient({ server: proxy.url, token, store });
  const events = collectEvents();
  const earlier = proxy.seen.length;
  const given = { sessionFrom: 1, onEvent: events.onEvent, ...options };
  const [done] = await Promise.allSettled([client.uploadFile(source, given)]);
  client.close();
  const seen = proxy.seen.slice(earlier);
  return {
    result: done.status === 'fulfilled' ? done.value : undefined,
    file: done.status === 'fulfilled' ? done.value.file : undefined,
    error: done.status === 'rejected' ? (done.reason as { code?: string; status?: number }) : undefined,
    events,
    count: (which: (one: SeenRequest) => boolean) => seen.filter(which).length,
  };
}
