import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { resolveHost } from '../addresses.ts';
import { ApiError } from '../api-error.ts';
import { deferContinue } from '../request/bodies.ts';
import { Deadlines, type Exchange, type Pace } from './deadlines.ts';
import { closeGracefully, newRequestId, sendErrorOnSocket, sendRawError } from './raw-responses.ts';
import {
  findRequestLine,
  incompleteRequestError,
  type RequestLine,
  type RequestSyntaxError,
  toSyntaxApiError,
} from './syntax-errors.ts';

/** Requests that may wait for their turn on all connections together; each takes a few kilobytes. */
const MAX_WAITING = 16_384;

interface ConnectionSettings {
  /** Requests that a client may send ahead on one connection while one is in progress. */
  maxPipelined: number;
  bodyPace: Pace;
  responsePace: Pace;
  errorHeaders: ErrorHeaders;
}

/** Headers of an error that is sent without Fastify; the request's own are empty if they could not be read. */
export type ErrorHeaders = (
  request: Pick<IncomingMessage, 'headers'> & Pick<FastifyRequest, 'protocol'>,
) => Record<string, string>;

interface Turn extends Exchange {
  /** What is wrong with the request, if that is known before its turn; and whether it ends the connection. */
  error?: ApiError;
  close?: boolean;
  /** What had been read from the connection when the headers were. */
  bytesReadBefore?: number;
  /** Fastify's reply, once it has one. */
  reply?: FastifyReply;
}

interface Connection {
  /** The request that is being answered. */
  current: Turn | undefined;
  /** The request that came last; its body may still come after its response. */
  latest?: Turn;
  /** Read, but not begun. */
  waiting: Turn[];
  /** No further request is taken; how many were dropped since. */
  isEnding: boolean;
  dropped: number;
  /** Sent after the last response, before the connection is closed. */
  finalError?: FinalError;
}

/** A refusal of something that never became a request, as far as it got. */
interface FinalError {
  error: ApiError;
  line: RequestLine;
}

/**
 * What lies between Node's server and Fastify. Requests of one connection are handled one at a time, in their order,
 * however many come ahead; nothing is begun for a client that has left. Whatever Node would answer by itself is refused
 * here in Box's format, in its turn, and never after a response that has begun.
 */
export class Connections {
  readonly #maxPipelined: number;
  readonly #errorHeaders: ErrorHeaders;
  readonly #log: FastifyBaseLogger;
  readonly #deadlines: Deadlines<Turn>;
  readonly #connections = new WeakMap<Socket, Connection>();
  readonly #turns = new WeakMap<IncomingMessage, Turn>();
  /** Requests that wait for their turn, of all connections. */
  #waitingCount = 0;
  #handle: RequestListener = () => {};

  constructor({ maxPipelined, bodyPace, responsePace, errorHeaders }: ConnectionSettings, log: FastifyBaseLogger) {
    this.#maxPipelined = maxPipelined;
    this.#errorHeaders = errorHeaders;
    this.#log = log;
    this.#deadlines = new Deadlines<Turn>({
      body: bodyPace,
      response: responsePace,
      onSlowBody: (turn) =>
        this.#abort(
          turn,
          new ApiError(
            'request_timeout',
            'The body came too slowly or stopped. What was acknowledged stands; send this again.',
          ),
        ),
      onSlowReader: ({ request }) => {
        this.#log.info({ remoteAddress: request.socket.remoteAddress }, 'a client does not read its response');
        resetConnection(request.socket);
      },
      // It may have closed its side only, and wait for a response.
      onIncompleteBody: (turn) => this.#abort(turn, incompleteRequestError()),
    });
  }

  /** Takes over what `server` receives; `handle` is called for each request in its turn. */
  serve(server: Server, handle: RequestListener): void {
    this.#handle = handle;
    // A client may say that it sends no more and still wait for its responses.
    Object.assign(server, { httpAllowHalfOpen: true });
    server.on('request', (request, response) => this.#enqueue({ request, response }));
    server.on('checkContinue', (request, response) => {
      deferContinue(request, response);
      this.#enqueue({ request, response });
    });
    server.on('checkExpectation', (request, response) =>
      this.#enqueue({
        request,
        response,
        error: new ApiError('expectation_failed', 'The only Expect header that is understood is 100-continue.'),
      }),
    );
    server.on('connect', (_request, socket: Socket) => {
      // Node has let go of the connection: errors, and the end of what is in progress, are ours now.
      const connection = this.#getConnection(socket);
      socket.on('error', () => {});
      socket.on('drain', () => connection.current?.response.emit('drain'));
      socket.resume();
      const refusal = new ApiError('method_not_allowed', 'This server is no proxy: it does not take CONNECT.');
      this.#endConnection(socket, { error: refusal, line: {} });
    });
    server.once('close', () => this.#deadlines.close());
  }

  /** What Node's parser gives up on, and connections that break. */
  rejectBadSyntax(error: RequestSyntaxError, socket: Socket): void {
    const refusal = toSyntaxApiError(error.code);
    if (refusal === undefined) socket.destroy();
    else this.#endConnection(socket, { error: refusal, line: findRequestLine(error) });
  }

  /** Notes Fastify's reply to a request, so that it can be overtaken. */
  attachReply(request: IncomingMessage, reply: FastifyReply): void {
    const turn = this.#turns.get(request);
    if (turn !== undefined) turn.reply = reply;
  }

  #getConnection(socket: Socket): Connection {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const connection: Connection = { current: undefined, waiting: [], isEnding: false, dropped: 0 };
    this.#connections.set(socket, connection);
    const destroySoon = socket.destroySoon.bind(socket);
    // Node calls it after the last response that it knows of: something may have to follow, or a refused body may still come.
    socket.destroySoon = () => {
      const { current, finalError: last } = connection;
      if (last !== undefined && current !== undefined && !announcesClose(current)) this.#sendFinalError(socket, last);
      else if (current?.request.complete === false) closeGracefully(socket);
      else destroySoon();
    };
    return connection;
  }

  #enqueue(turn: Turn): void {
    const { socket } = turn.request;
    const connection = this.#getConnection(socket);
    const { waiting } = connection;
    if (connection.isEnding) {
      connection.dropped += 1;
      if (connection.dropped > this.#maxPipelined) socket.destroy();
      return;
    }
    if (waiting.length >= this.#maxPipelined || this.#waitingCount >= MAX_WAITING) {
      connection.isEnding = true;
      turn.close = true;
      turn.error = new ApiError('unavailable', 'Too many requests were sent ahead of responses: wait for some first.');
    }
    turn.bytesReadBefore = socket.bytesRead;
    connection.latest = turn;
    waiting.push(turn);
    this.#waitingCount += 1;
    if (connection.current === undefined) this.#startNext(socket, connection);
    // Those that are read already wait here; those that are not, where the client has them.
    else socket.pause();
  }

  #startNext(socket: Socket, connection: Connection): void {
    const { waiting } = connection;
    if (socket.destroyed || socket.writableEnded) this.#waitingCount -= waiting.splice(0).length;
    const turn = waiting.shift();
    connection.current = turn;
    if (turn === undefined) {
      if (connection.finalError !== undefined && socket.writable) this.#sendFinalError(socket, connection.finalError);
      return;
    }
    this.#waitingCount -= 1;
    const { request, response } = turn;
    this.#turns.set(request, turn);
    this.#deadlines.watch(turn, turn.bytesReadBefore ?? socket.bytesRead);
    response.once('close', () => this.#startNext(socket, connection));
    if (waiting.length === 0) socket.resume();

    const misaddressed = resolveHost(request);
    const refusal = turn.error ?? misaddressed;
    if (refusal === undefined) this.#handle(request, response);
    else this.#sendError(turn, refusal, { close: turn.close ?? misaddressed !== undefined });
  }

  /** Ends a connection with a refusal, in its turn; nothing that comes in any more counts. */
  #endConnection(socket: Socket, ending: FinalError): void {
    const { error: refusal } = ending;
    const connection = this.#getConnection(socket);
    if (connection.isEnding) return;
    connection.isEnding = true;
    const { current, latest } = connection;
    if (latest !== undefined && !latest.request.complete) {
      if (connection.waiting.includes(latest)) Object.assign(latest, { error: refusal, close: true });
      else this.#abort(latest, refusal);
    } else if (current !== undefined) {
      connection.finalError = ending;
    } else {
      this.#sendFinalError(socket, ending);
    }
  }

  #sendFinalError(socket: Socket, { error: refusal, line }: FinalError): void {
    const { remoteAddress } = socket;
    const headers = this.#errorHeaders({ headers: {}, protocol: protocolOf(socket) });
    const reqId = sendErrorOnSocket(socket, refusal, { line, headers });
    this.#log.info({ reqId, remoteAddress, code: refusal.code }, refusal.message);
  }

  /** Answers a request whose body cannot be read to its end, whatever its handler is doing, and closes its connection. */
  #abort(turn: Turn, refusal: ApiError): void {
    const { request, response, reply } = turn;
    const { socket } = request;
    this.#getConnection(socket).isEnding = true;
    // Node forgets a request once it is answered, and then nobody tells its handler that no more of its body comes.
    socket.once('close', () => request.destroy());
    if (response.headersSent) {
      // There is no place for another one. What was ended is sent to its end; of anything else there will be no more.
      if (response.writableEnded) closeGracefully(socket);
      else socket.destroy();
      return;
    }
    if (reply !== undefined) {
      // The handler learns of it when its body breaks off; that it fails then is no news.
      reply.log = reply.log.child({}, { level: 'silent' });
      reply.hijack();
    }
    this.#sendError(turn, refusal, { close: true });
    // Node forgets a request once it is answered: whoever reads its body would wait for the rest of it forever.
    const breakBody = () => request.destroy(new Error('the body broke off'));
    if (socket.destroyed) breakBody();
    else socket.once('close', breakBody);
  }

  #sendError(turn: Turn, refusal: ApiError, { close }: { close: boolean }): void {
    const { request, response, reply } = turn;
    const { method, socket } = request;
    turn.close = close;
    const reqId = reply?.request.id ?? newRequestId();
    const protocol = reply?.request.protocol ?? protocolOf(socket);
    const headers = this.#errorHeaders({ headers: request.headers, protocol });
    sendRawError({ request, response, requestId: reqId }, refusal, { close, headers });
    this.#log.info({ reqId, method, remoteAddress: socket.remoteAddress, code: refusal.code }, refusal.message);
  }
}

/**
 * Whether the response says that it is the connection's last one. Node's own flag for that is also set when the client sends
 * no more, and `shouldKeepAlive` only says what the request wished for.
 */
function announcesClose({ response, reply, close }: Turn): boolean {
  return !response.shouldKeepAlive || close === true || reply?.getHeader('connection') === 'close';
}

function protocolOf(socket: Socket): 'http' | 'https' {
  return 'encrypted' in socket ? 'https' : 'http';
}

/** Drops a connection with all that the system still holds for it. */
function resetConnection(socket: Socket): void {
  if ('encrypted' in socket) socket.destroy();
  else socket.resetAndDestroy();
}
