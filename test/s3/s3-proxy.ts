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

/** A fault on the way to S3 or back, at the next `times` calls of an operation (by default one). */
export interface S3Fault {
  operation: Operation;
  /** Only if the URL contains this. */
  having?: string;
  times?: number;
  /** Waits for this first. */
  until?: Promise<unknown>;
  /** Responds with this itself, after reading the request or, with `early`, before; S3 gets nothing. */
  sendError?: { status: number; code: string; early?: boolean };
  /** Responds with these bytes itself, regardless of the requested range. */
  serve?: Uint8Array;
  /** Headers of that response. */
  headers?: Record<string, string>;
  /** Accepts the request and never responds. */
  silent?: boolean;
  /** Forwards this many bytes of the request's body, then closes both connections. */
  cutRequestAfter?: number;
  /** Changes this byte of the request's body. */
  flipByte?: number;
  /** Forwards this many bytes of the request's body, calls `reached`, and waits before it forwards the rest. */
  holdAfter?: { bytes: number; reached: () => void; until: Promise<unknown> };
  /** Forwards this many bytes of the response's body, then closes the connection. */
  cutAnswerAfter?: number;
  /** Forwards the request, and closes the connection instead of responding. */
  loseResponse?: boolean;
}

/** A proxy in front of the tests' S3 store that injects faults and records calls. */
export interface S3Proxy extends AsyncDisposable {
  url: string;
  /** Faults can be added at any time; a fault is removed when it has occurred for the last time. */
  faults: S3Fault[];
  /** The calls, in order. */
  calls: Operation[];
  /** The headers of the calls, in the same order. */
  headers: IncomingHttpHeaders[];
  /** Closes the port and all connections, so that new ones are refused. */
  refuse(): Promise<void>;
  /** Opens the same port again. */
  accept(): Promise<void>;
}

export interface S3ProxyOptions {
  /** Uses TLS with these files. */
  tls?: { cert: string; key: string };
  /** Stores and verifies a CRC-32 of each part, like AWS S3, in front of a store that does not. */
  keepsCrc32?: boolean;
}

export async function startS3Proxy({ tls, keepsCrc32 = false }: S3ProxyOptions = {}): Promise<S3Proxy> {
  const faults: S3Fault[] = [];
  const calls: Operation[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const operation = getOperation(request);
    calls.push(operation);
    headers.push(request.headers);
    const fault = nextFault(faults, operation, request.url ?? '');
    const { socket } = request;
    const crc32Of = keepsCrc32 ? operation : undefined;
    forwardRequest(request, response, { fault, crc32Of }).catch(() => socket.destroy());
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

/** The operation of an S3 request, by method and query. */
function getOperation({ method, url = '' }: IncomingMessage): Operation {
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

interface Route {
  fault: S3Fault | undefined;
  /** The request's CRC-32, if the proxy stores those of parts. */
  crc32Of: Operation | undefined;
}

async function forwardRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { fault, crc32Of }: Route,
): Promise<void> {
  await fault?.until;
  if (fault?.silent) return void request.resume();
  if (fault?.serve !== undefined) {
    for (const [name, value] of Object.entries(fault.headers ?? {})) response.setHeader(name, value);
    return void response.end(fault.serve);
  }
  if (fault?.sendError !== undefined) return sendError(request, response, fault.sendError);

  const begin = s3Url().startsWith('https:') ? requestOverTls : requestOf;
  const onward = begin(s3Url() + request.url, { method: request.method, setHost: false });
  for (let n = 0; n < request.rawHeaders.length; n += 2) {
    // Unchanged, because the signature covers them, including the name of the proxy.
    onward.setHeader(request.rawHeaders[n] ?? '', request.rawHeaders[n + 1] ?? '');
  }
  const serverResponse = new Promise<IncomingMessage>((resolve, reject) =>
    onward.once('response', resolve).once('error', reject),
  );
  serverResponse.catch(() => {});
  try {
    // A part to be verified is forwarded only when it was verified: S3 would store incomplete data, also from a cut
    // connection.
    const held: Buffer[] = [];
    const verifies = crc32Of === 'UploadPart';
    const forward = verifies ? (bytes: Buffer) => held.push(bytes) : (bytes: Buffer) => onward.write(bytes);
    const sum = await forwardBody(request, forward, fault);
    if (verifies && request.headers['x-amz-checksum-crc32'] !== sum) {
      onward.destroy();
      return sendError(request, response, { status: 400, code: 'BadDigest' });
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
  await forwardResponse(await serverResponse, response, fault);
}

/** Forwards the body without ending the request, and returns its CRC-32 in the form of the header. */
async function forwardBody(
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

async function forwardResponse(
  from: IncomingMessage,
  response: ServerResponse,
  fault: S3Fault | undefined,
): Promise<void> {
  const { socket } = response;
  const { statusCode = 500, statusMessage, rawHeaders } = from;
  if (fault?.loseResponse) {
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
    // There is no half of the body, so the head is cut.
    return void socket?.end(`HTTP/1.1 ${statusCode} ${statusMessage}\r\n${rawHeaders[0]}: `);
  }
  response.writeHead(statusCode, rawHeaders);
  response.write(body.subarray(0, fault.cutAnswerAfter), () => socket?.destroy());
}

/** An error in the format of S3. */
async function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code, early }: NonNullable<S3Fault['sendError']>,
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
