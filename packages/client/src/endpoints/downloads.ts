import type { Call } from '../call.ts';
import { UnexpectedResponse } from '../errors.ts';
import type { Endpoint, QueryOptions } from './endpoint.ts';

interface DownloadQuery {
  /** The ID of a version. Default: the current one. */
  version?: string | undefined;
}

export interface DownloadOptions extends QueryOptions<DownloadQuery> {
  /** A range of bytes, inclusive. Without `last`, it extends to the end of the file. */
  range?: { first: number; last?: number } | undefined;
}

/** A download in progress. The caller must read or cancel `body`. */
export interface Download {
  /** 200, or 206 if a range was requested. */
  status: number;
  /** Size of `body` in bytes, if the server sent it. */
  size: number | undefined;
  /** Size of the whole file in bytes, if a range was requested. */
  totalSize: number | undefined;
  header(name: string): string | undefined;
  body: ReadableStream<Uint8Array>;
}

export type Downloads = ReturnType<typeof downloads>;

/** GET /files/:file_id/content */
export function downloads({ caller, api }: Endpoint) {
  const createCall = (fileId: string, { queryParams: query, range, ...options }: DownloadOptions): Call => ({
    ...options,
    method: 'GET',
    url: `${api}/files/${encodeURIComponent(fileId)}/content`,
    query,
    headers: {
      accept: '*/*',
      ...(range && { range: `bytes=${range.first}-${range.last ?? ''}` }),
      ...options.headers,
    },
  });

  return {
    /** Downloads the bytes, following the redirect. If the stream is interrupted, call it again with a `range`. */
    async downloadFile(fileId: string, options: DownloadOptions = {}): Promise<Download> {
      const call = createCall(fileId, options);
      const response = await caller.send(call);
      if (response.status !== 200 && response.status !== 206) {
        throw new UnexpectedResponse({
          method: 'GET',
          url: call.url,
          status: response.status,
          text: await response.text(),
        });
      }
      const total = /\/(\d+)$/.exec(response.header('content-range') ?? '')?.[1];
      return {
        status: response.status,
        size: toNumber(response.header('content-length')),
        totalSize: toNumber(total),
        header: response.header,
        body: response.body(),
      };
    },

    /**
     * Returns a signed URL that works without a token for a limited time. It does not work in browsers, which follow the
     * redirect themselves.
     */
    async getDownloadFileUrl(fileId: string, options: QueryOptions<DownloadQuery> = {}): Promise<string> {
      const response = await caller.send({ ...createCall(fileId, options), redirect: 'manual' });
      await response.body().cancel();
      const location = response.header('location');
      if (location === undefined || !URL.canParse(location))
        throw new Error('This server sends the bytes itself, so there is no download URL.');
      return location;
    },
  };
}

function toNumber(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
