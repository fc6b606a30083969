import { fetchTransport } from '../fetch-transport.ts';
import { type Transport, TransportError, type TransportRequest, type TransportResponse } from '../transport.ts';

/**
 * Sends requests in a browser with `fetch`, or with `XMLHttpRequest` if progress is needed: `fetch` does not report how much
 * has been sent, and does not detect an idle connection.
 */
export function xhrTransport(): Transport {
  const fallback = fetchTransport();
  return {
    send: (request) => (needsProgress(request) ? send(request) : fallback.send(request)),
    close() {},
  };
}

function needsProgress(
  request: TransportRequest,
): request is TransportRequest & { body: Blob; onSent(bytes: number): void } {
  return request.onSent !== undefined && request.body instanceof Blob && typeof XMLHttpRequest === 'function';
}

function send(request: TransportRequest & { body: Blob; onSent(bytes: number): void }): Promise<TransportResponse> {
  const { method, url, headers, body, signal, onSent, idleMillis } = request;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const xhr = new XMLHttpRequest();
    const fail = (reason: string, code?: string) => {
      const { host } = new URL(url);
      reject(
        signal?.aborted ? signal.reason : new TransportError(`The connection to ${host} failed: ${reason}.`, { code }),
      );
    };
    let idle: ReturnType<typeof setTimeout>;
    const restartIdleTimer = () => {
      clearTimeout(idle);
      idle = setTimeout(() => {
        fail(`it was idle for ${Math.round(idleMillis / 1000)} s`, 'ETIMEDOUT');
        xhr.abort();
      }, idleMillis);
    };
    const onAbort = () => xhr.abort();
    xhr.open(method, url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => {
      restartIdleTimer();
      onSent(Math.min(loaded, body.size));
    };
    xhr.onload = () => resolve(toTransportResponse(xhr));
    xhr.onerror = () => fail('the browser does not report why');
    xhr.onabort = () => fail('it was closed');
    xhr.onloadend = () => {
      clearTimeout(idle);
      signal?.removeEventListener('abort', onAbort);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    restartIdleTimer();
    xhr.send(body);
  });
}

function toTransportResponse(xhr: XMLHttpRequest): TransportResponse {
  const { status, responseText } = xhr;
  return {
    status,
    header: (name) => xhr.getResponseHeader(name) ?? undefined,
    text: async () => responseText,
    body: () => new Blob([responseText]).stream(),
  };
}
