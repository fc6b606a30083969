import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { sha1Base64 } from '../support/bytes.ts';
import type { TestServer } from '../support/server.ts';

/** A part whose body has been started but not finished. */
export interface PartInProgress {
  put: ClientRequest;
  answer: Promise<PartResponse>;
}

export interface PartResponse {
  status: number | undefined;
  connection: string | undefined;
  body: string;
}

/** Sends the first 1,000 bytes of a part, and resolves when the server has asked for more. */
export async function startPart(
  server: Pick<TestServer, 'url' | 'token'>,
  session: string,
  bytes: Buffer,
  total: number,
): Promise<PartInProgress> {
  const put = request(`${server.url}/2.0/files/upload_sessions/${session}`, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${server.token}`,
      digest: `sha=${sha1Base64(bytes)}`,
      'content-range': `bytes 0-${bytes.length - 1}/${total}`,
      'content-length': bytes.length,
      // The server responds 100 Continue when it reads the body; by then the part is in progress.
      expect: '100-continue',
    },
  });
  const answer = waitForResponse(put);
  put.flushHeaders();
  await once(put, 'continue');
  put.write(bytes.subarray(0, 1000));
  return { put, answer };
}

async function waitForResponse(put: ClientRequest): Promise<PartResponse> {
  const [answer] = (await once(put, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of answer.setEncoding('utf8')) body += chunk;
  return { status: answer.statusCode, connection: answer.headers.connection, body };
}
