import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { BoxClient, BoxDeveloperTokenAuth } from 'box-node-sdk';
import { BoxApiError } from 'box-node-sdk/box';
import { BaseUrls, NetworkSession } from 'box-node-sdk/networking';
import { sha1Base64 } from '../support/bytes.ts';
import type { TestServer } from '../support/server.ts';

/** The SDK as it comes, with nothing changed but its base URLs (the upload base ends in `/api`, as Box's does). */
export function sdkFor(server: TestServer, token = server.token): BoxClient {
  const baseUrls = new BaseUrls({
    baseUrl: server.url,
    uploadUrl: `${server.url}/api`,
    oauth2Url: `${server.url}/api/oauth2`,
  });
  return new BoxClient({
    auth: new BoxDeveloperTokenAuth({ token }),
    networkSession: new NetworkSession({}).withCustomBaseUrls(baseUrls),
  });
}

/** A body as the SDK wants it, in pieces of at most 64 KiB as a file stream gives them. */
export function streamOf(bytes: Buffer): Readable {
  const pieces = [];
  for (let start = 0; start < bytes.length; start += 65536) pieces.push(bytes.subarray(start, start + 65536));
  return Readable.from(pieces, { objectMode: false });
}

/** The two headers of a part. */
export function partHeaders(part: { offset: number; bytes: Buffer }, total: number) {
  const last = part.offset + part.bytes.length - 1;
  return { digest: digestOf(part.bytes), contentRange: `bytes ${part.offset}-${last}/${total}` };
}

export function digestOf(bytes: Buffer): string {
  return `sha=${sha1Base64(bytes)}`;
}

/** The bytes of a file, fetched through the SDK (which follows the 302). */
export async function download(client: BoxClient, fileId: string): Promise<Buffer> {
  return buffer(given(await client.downloads.downloadFile(fileId)));
}

/** What the SDK declares as optional and Partway always sends. */
export function given<T>(value: T | null | undefined): T {
  if (value === undefined || value === null) throw new Error('The answer lacks a field that Box always sends.');
  return value;
}

/** Whether `error` is the SDK's own, made of a Box error object with this status and code. */
export function isRefusal(status: number, code: string): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof BoxApiError)) throw error;
    const { statusCode, body, rawBody } = error.responseInfo;
    const found = body as { type?: string; status?: number; code?: string; request_id?: string } | undefined;
    if (statusCode !== status || found?.code !== code) {
      throw new Error(`wanted ${status} ${code}, got ${statusCode}: ${rawBody}`);
    }
    return found.type === 'error' && found.status === status && typeof found.request_id === 'string';
  };
}
