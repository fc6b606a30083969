import { readFileSync } from 'node:fs';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestOf,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, request as requestOverTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { s3Url } from './test-store.ts';

export type Operation =
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListParts'
  | 'ListMultipartUploads'
  | 'ListObjectsV2'
  | 'PutObject'
  | 'GetObject'
  | 'HeadObject'
  | 'DeleteObject';

/** What goes wrong on the way to S3 or back, at the next `times` calls of an operation (once, where nothing is said). */
export interface S3Fault {
  operation: Operation;
  /** Only where the address has this in it. */
  having?: string;
  times?: number;
  /** Waits for this before anything else. */
  until?: Promise<unknown>;
  /** Answers so itself, after it has read the request or, with `early`, before; S3 sees nothing of it. */
  answer?: { status: number; code: string; early?: boolean };
  /** Answers with these bytes itself, whatever range was asked for. */
  serve?: Uint8Array;
  /** Headers of that answer. */
  headers?: Record<string, string>;
  /** Takes the request and never answers. */
  silent?: boolean;
  /** Lets so many bytes of the request's body through, then cuts both lines. */
  cutRequestAfter?: number;
  /** Changes this byte of the request's body. */
  flipByte?: number;
  /** Lets so many bytes of the request's body through, calls `reached`, and waits before it lets the others through. */
  holdAfter?: { bytes: number; reached: () => void; until: Promise<unknown> };
  /** Lets so many bytes of the answer's body through, then cuts the line. */
  cutAnswerAfter?: number;
  /** Lets S3 do it, and cuts the line instead of its answer. */
  loseAnswer?: boolean;
}

/** A proxy in front of the test's S3, which breaks what it is told to and counts what goes by. */
export interface S3Proxy extends AsyncDisposable {
  url: string;
  /** To be filled at any time; a fault that has struck for the last time is taken out. */
  faults: S3Fault[];
  /** What has come, in its order. */
  calls: Operation[];
  /** The headers of that, in the same order. */
  headers: IncomingHttpHeaders[];
  /** Closes the port and all connections: whoever comes is refused. */
  refuse(): Promise<void>;
  /** Opens the same port again. */
  accept(): Promise<void>;
}

export interface S3ProxyOptions {
  /** Speaks TLS, with these files. */
  tls?: { cert: string; key: string };
  /** Keeps and verifies a CRC-32 of each part, as AWS S3 does, in front of a store that does not. */
  keepsCrc32?: boolean;
}

export async function startS3Proxy({ tls, keepsCrc32 = false }: S3ProxyOptions = {}): Promise<S3Proxy> {
  const faults: S3Fault[] = [];
  const calls: Operation[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const operation = operationOf(request);
    calls.push(operation);
    headers.push(request.headers);
    const fault = nextFault(faults, operation, request.url ?? '');
    const { socket } = request;
    const crc32Of = keepsCrc32 ? operation : undefined;
    pass(request, response, { fault, crc32Of }).catch(() => socket.destroy());
  };
  const newServer = () => (tls === undefined ? createServer(handle) : createTlsServer(readTls(tls), handle));
  let server = newServer();
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const refuse = () => close(server);
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    faults,
    calls,
    headers,
    refuse,
    async accept() {
      server = newServer();
      await listen(server, port);
    },
    [Symbol.asyncDispose]: refuse,
  };
}

function readTls({ cert, key }: { cert: string; key: string }) {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/** What S3 is asked to do, by method and query. */
function operationOf({ method, url = '' }: IncomingMessage): Operation {
  const { pathname, searchParams: query } = new URL(url, 'http://s3');
  const ofUpload = query.has('uploadId');
  switch (method) {
    case 'POST':
      return ofUpload ? 'CompleteMultipartUpload' : 'CreateMultipartUpload';
    case 'PUT':
      return ofUpload ? 'UploadPart' : 'PutObject';
    case 'DELETE':
      return ofUpload ? 'AbortMultipartUpload' : 'DeleteObject';
    case 'HEAD':
      return 'HeadObject';
    default:
      if (ofUpload) return 'ListParts';
      if (query.has('uploads')) return 'ListMultipartUploads';
      return pathname.split('/').filter(Boolean).length === 1 ? 'ListObjectsV2' : 'GetObject';
  }
}

function nextFault(faults: S3Fault[], operation: Operation, url: string): S3Fault | undefined {
  const fault = faults.find((each) => each.operation === operation && url.includes(each.having ?? ''));
  if (fault === undefined) return undefined;
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times <= 0) faults.splice(faults.indexOf(fault), 1);
  return fault;
}

interface Way {
  fault: S3Fault | undefined;
  /** What is asked, where the proxy keeps a CRC-32 of parts. */
  crc32Of: Operation | undefined;
}

async function pass(request: IncomingMessage, response: ServerResponse, { fault, crc32Of }: Way): Promise<void> {
  await fault?.until;
  if (fault?.silent) return void request.resume();
  if (fault?.serve !== undefined) {
    for (const [name, value] of Object.entries(fault.headers ?? {})) response.setHeader(name, value);
    return void response.end(fault.serve);
  }
  if (fault?.answer !== undefined) return answer(request, response, fault.answer);

  const begin = s3Url().startsWith('https:') ? requestOverTls : requestOf;
  const onward = begin(s3Url() + request.url, { method: request.method, setHost: false });
  for (let n = 0; n < request.rawHeaders.length; n += 2) {
    // As they came: the signature covers them, the name of the proxy among them.
    onward.setHeader(request.rawHeaders[n] ?? '', request.rawHeaders[n + 1] ?? '');
  }
  const answered = new Promise<IncomingMessage>((resolve, reject) =>
    onward.once('response', resolve).once('error', reject),
  );
  answered.catch(() => {});
  try {
    // A part that is to be verified goes on only when it was: S3 would take what has come, also from a line that is cut.
    const held: Buffer[] = [];
    const verifies = crc32Of === 'UploadPart';
    const forward = verifies ? (bytes: Buffer) => held.push(bytes) : (bytes: Buffer) => onward.write(bytes);
    const sum = await passOn(request, forward, fault);
    if (verifies && request.headers['x-amz-checksum-crc32'] !== sum) {
      onward.destroy();
      return answer(request, response, { status: 400, code: 'BadDigest' });
    }
    if (crc32Of === 'CreateMultipartUpload') {
      response.setHeader('x-amz-checksum-algorithm', request.headers['x-amz-checksum-algorithm'] ?? '');
    }
    for (const bytes of held) onward.write(bytes);
    onward.end();
  } catch (error) {
    onward.destroy();
    throw error;
  }
  await passBack(await answered, response, fault);
}

/** Passes the body on, and gives its CRC-32 as headers have it. The request is not ended. */
async function passOn(
  request: IncomingMessage,
  forward: (bytes: Buffer) => void,
  fault: S3Fault | undefined,
): Promise<string> {
  let sum = 0;
  const { holdAfter: hold, cutRequestAfter: cut, flipByte } = fault ?? {};
  if (cut === 0) throw new Error('cut as told');
  let passed = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (flipByte !== undefined && flipByte >= passed && flipByte < passed + chunk.length) {
      chunk.writeUInt8(chunk.readUInt8(flipByte - passed) ^ 1, flipByte - passed);
    }
    sum = crc32(chunk, sum);
    forward(cut === undefined ? chunk : chunk.subarray(0, Math.max(0, cut - passed)));
    const before = passed;
    passed += chunk.length;
    if (cut !== undefined && passed >= cut) throw new Error('cut as told');
    if (hold !== undefined && before < hold.bytes && passed >= hold.bytes) {
      hold.reached();
      await hold.until;
    }
  }
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(sum);
  return bytes.toString('base64');
}

async function passBack(from: IncomingMessage, response: ServerResponse, fault: S3Fault | undefined): Promise<void> {
  const { socket } = response;
  const { statusCode = 500, statusMessage, rawHeaders } = from;
  if (fault?.loseAnswer) {
    await from.resume().toArray();
    return void socket?.destroy();
  }
  if (fault?.cutAnswerAfter === undefined) {
    response.statusCode = statusCode;
    for (let n = 0; n < rawHeaders.length; n += 2) response.setHeader(rawHeaders[n] ?? '', rawHeaders[n + 1] ?? '');
    return pipeline(from, response);
  }
  const body = Buffer.concat(await from.toArray());
  if (body.length <= fault.cutAnswerAfter) {
    // There is no half of the body, so it is one of the head.
    return void socket?.end(`HTTP/1.1 ${statusCode} ${statusMessage}\r\n${rawHeaders[0]}: `);
  }
  response.writeHead(statusCode, rawHeaders);
  response.write(body.subarray(0, fault.cutAnswerAfter), () => socket?.destroy());
}

/** An error as S3 puts it. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code, early }: NonNullable<S3Fault['answer']>,
): Promise<void> {
  if (!early) await request.resume().toArray();
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>told to</Message></Error>`;
  response
    .writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) })
    .end(body);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
