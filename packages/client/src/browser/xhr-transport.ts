import { fetchTransport } from '../fetch-transport.ts';
import { type Transport, TransportError, type TransportRequest, type TransportResponse } from '../transport.ts';

/**
 * Requests of a browser: `fetch`, and `XMLHttpRequest` for bodies whose progress is wanted, since `fetch` does not tell how
 * much has gone out and does not notice a connection on which nothing moves.
 */
export function xhrTransport(): Transport {
  const fetching = fetchTransport();
  return {
    send: (request) => (watched(request) ? send(request) : fetching.send(request)),
    close() {},
  };
}

function watched(request: TransportRequest): request is TransportRequest & { body: Blob; onSent(bytes: number): void } {
  return request.onSent !== undefined && request.body instanceof Blob && typeof XMLHttpRequest === 'function';
}

function send(request: TransportRequest & { body: Blob; onSent(bytes: number): void }): Promise<TransportResponse> {
  const { method, url, headers, body, signal, onSent, idleMillis } = request;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const xhr = new XMLHttpRequest();
    const fail = (why: string, code?: string) => {
      const { host } = new URL(url);
      reject(
        signal?.aborted ? signal.reason : new TransportError(`The connection to ${host} failed: ${why}.`, { code }),
      );
    };
    let idle: ReturnType<typeof setTimeout>;
    const moved = () => {
      clearTimeout(idle);
      idle = setTimeout(() => {
        fail(`nothing came or went for ${Math.round(idleMillis / 1000)} s`, 'ETIMEDOUT');
        xhr.abort();
      }, idleMillis);
    };
    const onAbort = () => xhr.abort();
    xhr.open(method, url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => {
      moved();
      onSent(Math.min(loaded, body.size));
    };
    xhr.onload = () => resolve(answerOf(xhr));
    xhr.onerror = () => fail('the browser does not say why');
    xhr.onabort = () => fail('it was closed');
    xhr.onloadend = () => {
      clearTimeout(idle);
      signal?.removeEventListener('abort', onAbort);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    moved();
    xhr.send(body);
  });
}

function answerOf(xhr: XMLHttpRequest): TransportResponse {
  const { status, responseText } = xhr;
  return {
    status,
    header: (name) => xhr.getResponseHeader(name) ?? undefined,
    text: async () => responseText,
    body: () => new Blob([responseText]).stream(),
  };
}
