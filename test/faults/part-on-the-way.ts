import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { sha1Base64 } from '../support/bytes.ts';
import type { TestServer } from '../support/server.ts';

/** A part whose body has begun and not ended. */
export interface PartOnTheWay {
  put: ClientRequest;
  answer: Promise<Answer>;
}

export interface Answer {
  status: number | undefined;
  connection: string | undefined;
  body: string;
}

/** Sends the first 1,000 bytes of a part, and resolves once the server has asked for more of it. */
export async function beginPart(
  server: Pick<TestServer, 'url' | 'token'>,
  session: string,
  bytes: Buffer,
  total: number,
): Promise<PartOnTheWay> {
  const put = request(`${server.url}/2.0/files/upload_sessions/${session}`, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${server.token}`,
      digest: `sha=${sha1Base64(bytes)}`,
      'content-range': `bytes 0-${bytes.length - 1}/${total}`,
      'content-length': bytes.length,
      // The server says when it wants the body: by then the part is under way.
      expect: '100-continue',
    },
  });
  const answer = answerOf(put);
  put.flushHeaders();
  await once(put, 'continue');
  put.write(bytes.subarray(0, 1000));
  return { put, answer };
}

async function answerOf(put: ClientRequest): Promise<Answer> {
  const [answer] = (await once(put, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of answer.setEncoding('utf8')) body += chunk;
  return { status: answer.statusCode, connection: answer.headers.connection, body };
}
