import type { Socket } from 'node:net';

/** What is used of Node.js here is not documented, so it is only used in versions with which it is tested. */
const NODE_MAJORS = ['24'];

/** The system's connection, as Node.js uses it. */
export interface SocketHandle {
  readonly fd: number;
  /** Bytes that were passed to the system so far, including those in the queue. */
  readonly bytesWritten: number;
  /** Bytes that the system has not accepted yet. */
  readonly writeQueueSize: number;
  reading: boolean;
  readStart(): number;
  readStop(): number;
}

export interface HttpParser {
  execute(bytes: Uint8Array): number | Error;
  /** Callbacks, by numbers that the class has as constants. */
  [callback: number]: unknown;
}

interface InternalSocket extends Socket {
  readonly _handle: Partial<SocketHandle> | null;
  readonly parser: Partial<HttpParser> | null;
}

/**
 * The handle of a plain connection. Undefined for TLS, for a connection that is closed, and in versions of Node.js that are
 * not known to have the same internals.
 */
export function getHandle(socket: Socket): SocketHandle | undefined {
  const handle = (socket as InternalSocket)._handle;
  const isKnown =
    NODE_MAJORS.includes(process.versions.node.split('.', 1)[0] ?? '') &&
    !('encrypted' in socket) &&
    typeof handle?.fd === 'number' &&
    handle.fd >= 0 &&
    typeof handle.bytesWritten === 'number' &&
    typeof handle.writeQueueSize === 'number' &&
    typeof handle.reading === 'boolean' &&
    typeof handle.readStart === 'function' &&
    typeof handle.readStop === 'function';
  return isKnown ? (handle as SocketHandle) : undefined;
}

/** The parser of a connection's requests, if it has the internals that are used here. */
export function getParser(socket: Socket): HttpParser | undefined {
  const parser = (socket as InternalSocket).parser as HttpParser | null;
  return typeof parser?.execute === 'function' && typeof parser[bodyCallback(parser)] === 'function'
    ? parser
    : undefined;
}

/** The number of the callback that gets the bytes of bodies. */
export function bodyCallback(parser: HttpParser): number {
  return Number((parser.constructor as { kOnBody?: unknown }).kOnBody);
}
