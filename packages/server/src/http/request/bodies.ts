import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorCode } from '@partway/protocol/errors';
import type { Fault } from '@partway/protocol/fault';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Static, TSchema } from 'typebox';
import { freeChunk } from '../../util/chunks.ts';
import { ApiError } from '../api-error.ts';
import { checkTexts } from '../hooks/request-text.ts';
import { getContentType } from './content-type.ts';
import { parseJson } from './parse-json.ts';
import { createSchemaCheck, toFault } from './validate.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The handler reads the body itself; nothing of it is read or asked for before. */
    body?: 'stream';
  }
}

const deferredContinues = new WeakMap<IncomingMessage, ServerResponse>();

/** Notes that the client waits for a "100 Continue" before it sends its body. */
export function deferContinue(request: IncomingMessage, response: ServerResponse): void {
  deferredContinues.set(request, response);
}

/** Lets a waiting client send. Called when a body is about to be read, so that a refused one costs nothing. */
export function sendContinue(request: IncomingMessage): void {
  deferredContinues.get(request)?.writeContinue();
  deferredContinues.delete(request);
}

/** Bodies are JSON, whatever type they declare (some clients declare none, or JSON with an empty body). */
export function parseJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addHook('preParsing', async (request) => {
    if (request.routeOptions.config.body !== 'stream') sendContinue(request.raw);
  });
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (request: FastifyRequest, bytes: Buffer) => {
    // A DELETE has no use for a body, and so it cannot be wrong.
    if (bytes.length === 0 || request.method === 'DELETE') return undefined;
    try {
      return parseJson(bytes, getContentType(request.raw).parameters.charset, 'The body');
    } catch (error) {
      rejectEncodedBody(request);
      throw error;
    } finally {
      freeChunk(bytes);
    }
  });
}

/**
 * For a body that cannot be read: compressed ones are not unpacked here, since a small one could become a huge one. Where
 * the body is JSON as it is, the header is one of those that some clients send and nothing depends on.
 */
function rejectEncodedBody({ headers }: FastifyRequest): void {
  const { 'content-encoding': encoding = '' } = headers;
  if (['', 'identity'].includes(encoding.trim().toLowerCase())) return;
  throw new ApiError('unsupported_media_type', 'The body has a content-encoding: send it as it is.');
}

/**
 * Reads and drops what handlers leave unread of bodies, or the connection's next request would wait behind it for ever.
 * Node would do the same once the response is sent, by the method that is replaced here, but leaves the chunks to the
 * next garbage collection: 80 MB/s of refused uploads asked for four full ones a second, and for a fifth of a core.
 */
export function dropUnreadBodies(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw }) => {
    Object.defineProperty(raw, '_dump', { value: discardBody });
  });
  app.addHook('onResponse', async ({ raw }) => {
    if (!raw.readableEnded) discardBody.call(raw);
  });
}

function discardBody(this: IncomingMessage): void {
  this.removeAllListeners('data');
  this.on('data', freeChunk);
  this.resume();
}

/** Bodies are left to the handler as the stream they are. Call in a scope of its own. */
export function streamBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null));
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, body: 'stream' };
  });
}

/** Which code a field gets: when it is not there, and when it is not what the schema says. */
export type FieldCodes = Record<string, { missing: ErrorCode; invalid: ErrorCode }>;

const FAULT_CODES: Record<NonNullable<Fault['kind']>, ErrorCode> = {
  'name-invalid': 'item_name_invalid',
  'name-too-long': 'item_name_too_long',
};

/** Makes a reader of JSON bodies: the body as the schema says, or a refusal that names the field. */
export function createBodyParser<Schema extends TSchema>(
  schema: Schema,
  codes: FieldCodes = {},
): (request: FastifyRequest) => Static<Schema> {
  const read = createValueParser(schema, codes, 'The body');
  return (request) => read(request.body);
}

/** The same for a value that came in another way; `subject` is what refusals call it. */
export function createValueParser<Schema extends TSchema>(
  schema: Schema,
  codes: FieldCodes,
  subject: string,
): (value: unknown) => Static<Schema> {
  const check = createSchemaCheck(schema);
  return (value) => {
    checkTexts(value, subject);
    const isRight = check();
    if (isRight(value)) return value;
    const [error] = isRight.errors ?? [];
    if (error === undefined) throw new ApiError('bad_request', `${subject} is not what this call takes.`);
    const { instancePath: path, keyword } = error;
    if (keyword === 'required') {
      const missing = (error.schema as string[]).filter((field) => !Object.hasOwn(error.data as object, field));
      const code = codes[`${path}/${missing[0]}`]?.missing ?? 'bad_request';
      throw new ApiError(code, `${subject} lacks ${missing.join(', ')}.`);
    }
    const name = path.slice(1).replaceAll('/', '.') || subject;
    const { says, kind } = toFault(error);
    const code = kind === undefined ? codes[path]?.invalid : FAULT_CODES[kind];
    throw new ApiError(code ?? 'bad_request', `${name} ${says}.`);
  };
}
