import type { Call } from '../call.ts';
import { UnexpectedResponse } from '../errors.ts';
import type { Endpoint, QueryOptions } from './endpoint.ts';

interface DownloadQuery {
  /** The id of a version; the newest unless set. */
  version?: string | undefined;
}

export interface DownloadOptions extends QueryOptions<DownloadQuery> {
  /** A range of bytes, both ends within it; `last` left out means up to the end. */
  range?: { first: number; last?: number } | undefined;
}

/** Bytes that are on their way. Read `body`, or cancel it. */
export interface Download {
  /** 200, or 206 where a range was asked for. */
  status: number;
  /** Of `body`, in bytes, where the server says so. */
  size: number | undefined;
  /** Of the whole file, where a range was asked for. */
  totalSize: number | undefined;
  header(name: string): string | undefined;
  body: ReadableStream<Uint8Array>;
}

export type Downloads = ReturnType<typeof downloads>;

/** GET /files/:file_id/content */
export function downloads({ caller, api }: Endpoint) {
  const callFor = (fileId: string, { queryParams: query, range, ...options }: DownloadOptions): Call => ({
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
    /** The bytes, through the redirect. A stream that breaks off is continued by another call with a `range`. */
    async downloadFile(fileId: string, options: DownloadOptions = {}): Promise<Download> {
      const call = callFor(fileId, options);
      const answer = await caller.answer(call);
      if (answer.status !== 200 && answer.status !== 206) {
        throw new UnexpectedResponse({
          method: 'GET',
          url: call.url,
          status: answer.status,
          text: await answer.text(),
        });
      }
      const total = /\/(\d+)$/.exec(answer.header('content-range') ?? '')?.[1];
      return {
        status: answer.status,
        size: numberOf(answer.header('content-length')),
        totalSize: numberOf(total),
        header: answer.header,
        body: answer.body(),
      };
    },

    /** The signed address that downloads without a token for a while. Not in browsers, which follow it by themselves. */
    async getDownloadFileUrl(fileId: string, options: QueryOptions<DownloadQuery> = {}): Promise<string> {
      const answer = await caller.answer({ ...callFor(fileId, options), redirect: 'manual' });
      await answer.body().cancel();
      const address = answer.header('location');
      if (address === undefined || !URL.canParse(address))
        throw new Error('This server sends the bytes itself; there is no address for them.');
      return address;
    },
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
