import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { resolveHost } from '../addresses.ts';
import { ApiError } from '../api-error.ts';
import { deferContinue } from '../request/bodies.ts';
import { countBytesReceived } from './body-handover.ts';
import { Deadlines, type Exchange, type Pace } from './deadlines.ts';
import { closeGracefully, newRequestId, sendErrorOnSocket, sendRawError } from './raw-responses.ts';
import {
  findRequestLine,
  incompleteRequestError,
  type RequestLine,
  type RequestSyntaxError,
  toSyntaxApiError,
} from './syntax-errors.ts';

/** Limit for waiting requests of all connections together. Each takes a few kilobytes of memory. */
const MAX_WAITING = 16_384;

interface ConnectionSettings {
  /** Requests that can wait on one connection while another is in progress. */
  maxPipelined: number;
  bodyPace: Pace;
  responsePace: Pace;
  errorHeaders: ErrorHeaders;
}

/**
 * Returns the headers of an error that is sent without Fastify. `headers` is empty if the request could not be parsed.
 */
export type ErrorHeaders = (
  request: Pick<IncomingMessage, 'headers'> & Pick<FastifyRequest, 'protocol'>,
) => Record<string, string>;

interface QueuedRequest extends Exchange {
  /** The error to send, if it was found while the request was waiting. */
  error?: ApiError;
  /** Whether the connection is closed after the response. */
  close?: boolean;
  /** Bytes read from the connection when the headers were parsed. */
  bytesReadBefore?: number;
  /** Fastify's reply, as soon as there is one. */
  reply?: FastifyReply;
}

interface Connection {
  /** The request in progress. */
  current: QueuedRequest | undefined;
  /** The most recent request. Its body can still arrive after its response. */
  latest?: QueuedRequest;
  /** Requests that were parsed but not started. */
  waiting: QueuedRequest[];
  /** Whether further requests are dropped, because the connection will be closed. */
  isEnding: boolean;
  /** The number of requests dropped since. */
  dropped: number;
  /** Sent after the last response, before the connection is closed. */
  finalError?: FinalError;
}

/** The error for input that could not be parsed as a request, with the request line if there was one. */
interface FinalError {
  error: ApiError;
  line: RequestLine;
}

/**
 * Sits between Node's HTTP server and Fastify. Handles the requests of a connection one at a time and in order, and
 * starts none for a client that has disconnected. Errors that Node would send by itself are sent here, in Box's format
 * and in order, and never after the start of another response.
 */
export class Connections {
  readonly #maxPipelined: number;
  readonly #errorHeaders: ErrorHeaders;
  readonly #log: FastifyBaseLogger;
  readonly #deadlines: Deadlines<QueuedRequest>;
  readonly #connections = new WeakMap<Socket, Connection>();
  readonly #queued = new WeakMap<IncomingMessage, QueuedRequest>();
  /** The number of waiting requests of all connections. */
  #waitingCount = 0;
  #handle: RequestListener = () => {};

  constructor({ maxPipelined, bodyPace, responsePace, errorHeaders }: ConnectionSettings, log: FastifyBaseLogger) {
    this.#maxPipelined = maxPipelined;
    this.#errorHeaders = errorHeaders;
    this.#log = log;
    this.#deadlines = new Deadlines<QueuedRequest>({
      body: bodyPace,
      response: responsePace,
      onSlowBody: (queued) =>
        this.#abort(
          queued,
          new ApiError(
            'request_timeout',
            'The body arrived too slowly or stopped. Send the request again; earlier acknowledged requests are not affected.',
          ),
        ),
      onSlowReader: ({ request }) => {
        this.#log.info({ remoteAddress: request.socket.remoteAddress }, 'a client does not read its response');
        resetConnection(request.socket);
      },
      // The client can have closed only its side of the connection and wait for a response.
      onIncompleteBody: (queued) => this.#abort(queued, incompleteRequestError()),
    });
  }

  /** Handles everything that `server` receives. Calls `handle` for each request when it is next. */
  serve(server: Server, handle: RequestListener): void {
    this.#handle = handle;
    // Clients can close their side of the connection and still wait for responses.
    Object.assign(server, { httpAllowHalfOpen: true });
    server.on('request', this.#enqueue.bind(this));
    server.on('checkContinue', (request, response) => {
      deferContinue(request, response);
      this.#enqueue(request, response);
    });
    server.on('checkExpectation', (request, response) =>
      this.#enqueue(
        request,
        response,
        new ApiError('expectation_failed', 'The only supported Expect header is 100-continue.'),
      ),
    );
    server.on('connect', (_request, socket: Socket) => {
      // Node no longer handles this connection, so errors and the current response have to be handled here.
      const connection = this.#getConnection(socket);
      socket.on('error', () => {});
      socket.on('drain', () => connection.current?.response.emit('drain'));
      socket.resume();
      const error = new ApiError('method_not_allowed', 'CONNECT is not supported: this server is not a proxy.');
      this.#endConnection(socket, { error, line: {} });
    });
    server.once('close', () => this.#deadlines.close());
  }

  /** Handles input that Node's parser rejects, and errors of the connection. */
  rejectBadSyntax(syntaxError: RequestSyntaxError, socket: Socket): void {
    const error = toSyntaxApiError(syntaxError.code);
    if (error === undefined) socket.destroy();
    else this.#endConnection(socket, { error, line: findRequestLine(syntaxError) });
  }

  /** Records Fastify's reply to a request, so that an error can be sent in place of it. */
  attachReply(request: IncomingMessage, reply: FastifyReply): void {
    const queued = this.#queued.get(request);
    if (queued !== undefined) queued.reply = reply;
  }

  #getConnection(socket: Socket): Connection {
    const existing = this.#connections.get(socket);
    if (existing !== undefined) return existing;
    const connection: Connection = { current: undefined, waiting: [], isEnding: false, dropped: 0 };
    this.#connections.set(socket, connection);
    const destroySoon = socket.destroySoon.bind(socket);
    // Node calls this after the last response that it knows of. An error may have to follow, or a rejected body may
    // still arrive.
    socket.destroySoon = () => {
      const { current, finalError } = connection;
      if (finalError !== undefined && current !== undefined && !announcesClose(current)) {
        this.#sendFinalError(socket, finalError);
      } else if (current?.request.complete === false) closeGracefully(socket);
      else destroySoon();
    };
    return connection;
  }

  #enqueue(request: IncomingMessage, response: ServerResponse, error?: ApiError): void {
    const queued: QueuedRequest = { request, response, ...(error !== undefined && { error }) };
    const { socket } = request;
    const connection = this.#getConnection(socket);
    const { waiting } = connection;
    if (connection.isEnding) {
      connection.dropped += 1;
      if (connection.dropped > this.#maxPipelined) socket.destroy();
      return;
    }
    if (waiting.length >= this.#maxPipelined || this.#waitingCount >= MAX_WAITING) {
      connection.isEnding = true;
      queued.close = true;
      queued.error = new ApiError(
        'unavailable',
        'Too many requests were sent without waiting for responses. Wait for some responses first.',
      );
    }
    queued.bytesReadBefore = countBytesReceived(socket);
    connection.latest = queued;
    waiting.push(queued);
    this.#waitingCount += 1;
    if (connection.current === undefined) this.#startNext(socket, connection);
    // Requests that are already parsed wait here. Further ones are not read from the connection.
    else socket.pause();
  }

  #startNext(socket: Socket, connection: Connection): void {
    const { waiting } = connection;
    if (socket.destroyed || socket.writableEnded) this.#waitingCount -= waiting.splice(0).length;
    const queued = waiting.shift();
    connection.current = queued;
    if (queued === undefined) {
      if (connection.finalError !== undefined && socket.writable) this.#sendFinalError(socket, connection.finalError);
      return;
    }
    this.#waitingCount -= 1;
    const { request, response } = queued;
    this.#queued.set(request, queued);
    this.#deadlines.watch(queued, queued.bytesReadBefore ?? countBytesReceived(socket));
    response.once('close', () => this.#startNext(socket, connection));
    if (waiting.length === 0) socket.resume();

    const hostError = resolveHost(request);
    const error = queued.error ?? hostError;
    if (error === undefined) this.#handle(request, response);
    else this.#sendError(queued, error, { close: queued.close ?? hostError !== undefined });
  }

  /** Ends a connection with an error after the responses to earlier requests. Further input is ignored. */
  #endConnection(socket: Socket, finalError: FinalError): void {
    const { error } = finalError;
    const connection = this.#getConnection(socket);
    if (connection.isEnding) return;
    connection.isEnding = true;
    const { current, latest } = connection;
    if (latest !== undefined && !latest.request.complete) {
      if (connection.waiting.includes(latest)) Object.assign(latest, { error, close: true });
      else this.#abort(latest, error);
    } else if (current !== undefined) {
      connection.finalError = finalError;
    } else {
      this.#sendFinalError(socket, finalError);
    }
  }

  #sendFinalError(socket: Socket, { error, line }: FinalError): void {
    const { remoteAddress } = socket;
    const headers = this.#errorHeaders({ headers: {}, protocol: protocolOf(socket) });
    const reqId = sendErrorOnSocket(socket, error, { line, headers });
    this.#log.info({ reqId, remoteAddress, code: error.code }, error.message);
  }

  /**
   * Sends an error for a request whose body will not be complete, in place of its handler, and closes the connection.
   */
  #abort(queued: QueuedRequest, error: ApiError): void {
    const { request, response, reply } = queued;
    const { socket } = request;
    this.#getConnection(socket).isEnding = true;
    // After its response, Node would not end the request, and its handler would wait for the rest of the body.
    socket.once('close', () => request.destroy());
    if (response.headersSent) {
      // No other response can be sent. A complete response is sent to its end; an incomplete one is cut off.
      if (response.writableEnded) closeGracefully(socket);
      else socket.destroy();
      return;
    }
    if (reply !== undefined) {
      // The handler fails when its body ends early. That failure does not have to be logged.
      reply.log = reply.log.child({}, { level: 'silent' });
      reply.hijack();
    }
    this.#sendError(queued, error, { close: true });
    // After its response, Node would not end the request, and readers of its body would wait forever.
    const endBody = () => request.destroy(new Error('The body ended early.'));
    if (socket.destroyed) endBody();
    else socket.once('close', endBody);
  }

  #sendError(queued: QueuedRequest, error: ApiError, { close }: { close: boolean }): void {
    const { request, response, reply } = queued;
    const { method, socket } = request;
    queued.close = close;
    const reqId = reply?.request.id ?? newRequestId();
    const protocol = reply?.request.protocol ?? protocolOf(socket);
    const headers = this.#errorHeaders({ headers: request.headers, protocol });
    sendRawError({ request, response, requestId: reqId }, error, { close, headers });
    this.#log.info({ reqId, method, remoteAddress: socket.remoteAddress, code: error.code }, error.message);
  }
}

/**
 * Whether the response announces that the connection will be closed. Node's own flag is also set when the client has
 * closed its side, and `shouldKeepAlive` only reflects the request.
 */
function announcesClose({ response, reply, close }: QueuedRequest): boolean {
  return !response.shouldKeepAlive || close === true || reply?.getHeader('connection') === 'close';
}

function protocolOf(socket: Socket): 'http' | 'https' {
  return 'encrypted' in socket ? 'https' : 'http';
}

/** Closes a connection without sending what the system has buffered. */
function resetConnection(socket: Socket): void {
  if ('encrypted' in socket) socket.destroy();
  else socket.resetAndDestroy();
}
