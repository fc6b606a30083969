import { createHash, type Hash } from 'node:crypto';
import { type NodeClient, TransportError, UnexpectedResponse } from '@partway/client/node/index';
import { canRetry, RetryWindow, sleep } from '@partway/client/retry';
import { EXIT, Failure } from '../../exit-codes.ts';
import { RETRY_MILLIS } from '../../profiles/connect.ts';

/** A version of a file on the server. */
export interface RemoteVersion {
  fileId: string;
  versionId: string;
  size: number;
  /** Hex. */
  sha1: string;
  /** RFC 3339 */
  modifiedAt: string | null;
}

/** The bytes that have been fetched so far, and their hash. */
export interface FetchedBytes {
  bytes: number;
  hash: Hash;
}

/** Where the bytes go, in order. */
interface ByteSink {
  write(chunk: Uint8Array): Promise<void>;
  /** Discards what was written, because the bytes come from the start again. Can reject if that is impossible. */
  restart(): Promise<void>;
}

export interface FetchOptions {
  sink: ByteSink;
  fetched: FetchedBytes;
  signal: AbortSignal;
  /** Called with the number of fetched bytes, including those before this call. */
  onBytes: (bytes: number) => void;
  /** Called before an attempt is repeated. `outage`: its number. */
  onRetry: (retry: { error: unknown; waitMillis: number; outage: number }) => void;
}

/** Fetches the rest of a version, in order, and resumes after lost connections. `fetched` is updated on the way. */
export async function fetchRest(client: NodeClient, remote: RemoteVersion, options: FetchOptions): Promise<void> {
  const { fetched } = options;
  const window = new RetryWindow(RETRY_MILLIS);
  for (let attempts = 0; fetched.bytes < remote.size; ) {
    const previous = fetched.bytes;
    try {
      await fetchOnce(client, remote, options);
      if (fetched.bytes < remote.size)
        throw new TransportError('The connection was closed before the end of the file.');
    } catch (error) {
      if (!canRetry(error, true)) throw error;
      if (fetched.bytes > previous) window.recordSuccess();
      attempts = fetched.bytes > previous ? 1 : attempts + 1;
      const waitMillis = window.nextWait(attempts, error);
      options.onRetry({ error, waitMillis, outage: window.outage });
      await sleep(waitMillis, options.signal);
    }
  }
}

async function fetchOnce(
  client: NodeClient,
  { fileId, versionId, size }: RemoteVersion,
  { sink, fetched, signal, onBytes }: FetchOptions,
): Promise<void> {
  const {
    status,
    size: bodySize,
    body,
  } = await client.downloads.downloadFile(fileId, {
    queryParams: { version: versionId },
    signal,
    // Repeated here, so that an outage is reported with the file.
    retries: 0,
    ...(fetched.bytes > 0 && { range: { first: fetched.bytes } }),
  });
  if (fetched.bytes > 0 && status !== 206) {
    // The server does not support ranges: the whole file comes from the start.
    await sink.restart();
    fetched.bytes = 0;
    fetched.hash = createHash('sha1');
  }
  if (bodySize !== undefined && bodySize !== size - fetched.bytes) {
    await body.cancel();
    const url = `${client.addresses.api}/2.0/files/${fileId}/content`;
    throw new UnexpectedResponse({
      method: 'GET',
      url,
      status,
      text: `${bodySize} bytes instead of ${size - fetched.bytes}`,
    });
  }
  for await (const chunk of readChunks(body, signal)) {
    if (fetched.bytes + chunk.length > size)
      throw new Failure(EXIT.failed, 'The server sent more bytes than the size of the file.');
    await sink.write(chunk);
    fetched.hash.update(chunk);
    fetched.bytes += chunk.length;
    onBytes(fetched.bytes);
  }
}

/** Yields the bytes as they arrive. @throws TransportError if the connection is lost; the signal's reason. */
async function* readChunks(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new TransportError('The connection was lost during the download.', { cause: error });
  } finally {
    // The caller may stop early. The result of canceling does not matter.
    await reader.cancel().catch(() => {});
  }
}
