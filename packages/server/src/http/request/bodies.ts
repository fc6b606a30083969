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
    /** The handler reads the body itself. */
    body?: 'stream';
  }
}

const deferredContinues = new WeakMap<IncomingMessage, ServerResponse>();

/** Records that the client waits for "100 Continue" before it sends its body. */
export function deferContinue(request: IncomingMessage, response: ServerResponse): void {
  deferredContinues.set(request, response);
}

/** Lets a waiting client send its body. Called just before the body is read, so that rejected bodies are never sent. */
export function sendContinue(request: IncomingMessage): void {
  deferredContinues.get(request)?.writeContinue();
  deferredContinues.delete(request);
}

/** Parses all bodies as JSON, because some clients declare no type, or JSON for an empty body. */
export function parseJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addHook('preParsing', async (request) => {
    if (request.routeOptions.config.body !== 'stream') sendContinue(request.raw);
  });
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (request: FastifyRequest, bytes: Buffer) => {
    // Some clients send a body with DELETE. It has no meaning, so it is not parsed.
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
 * Gives the reason if a body cannot be parsed because it is compressed. Compressed bodies are not supported, because a
 * small one could expand to a huge one. If the body is valid JSON, the header is ignored: some clients send it by
 * mistake.
 */
function rejectEncodedBody({ headers }: FastifyRequest): void {
  const { 'content-encoding': encoding = '' } = headers;
  if (['', 'identity'].includes(encoding.trim().toLowerCase())) return;
  throw new ApiError('unsupported_media_type', 'The body is compressed (content-encoding). Send it uncompressed.');
}

/**
 * Reads and discards the part of a body that its handler has not read; otherwise the connection's next request would
 * wait forever. Node does the same after the response, but leaves the memory to the next garbage collection: rejected
 * uploads at 80 MB/s caused four full collections per second, a fifth of a core. Replaces Node's method for this, `_dump`,
 * and is called for unread bodies when the response has been sent.
 */
export function discardBody(this: IncomingMessage): void {
  this.removeAllListeners('data');
  this.on('data', freeChunk);
  this.resume();
}

/** Makes all routes of a scope read their bodies as streams. Call it in a separate scope. */
export function streamBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null));
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, body: 'stream' };
  });
}

/** The error codes for a missing or invalid field, by JSON pointer. */
export type FieldCodes = Record<string, { missing: ErrorCode; invalid: ErrorCode }>;

const FAULT_CODES: Record<NonNullable<Fault['kind']>, ErrorCode> = {
  'name-invalid': 'item_name_invalid',
  'name-too-long': 'item_name_too_long',
};

/** Creates a parser for JSON bodies with a schema. It throws an error that names the first invalid field. */
export function createBodyParser<Schema extends TSchema>(
  schema: Schema,
  codes: FieldCodes = {},
): (request: FastifyRequest) => Static<Schema> {
  const parse = createValueParser(schema, codes, 'The body');
  return (request) => parse(request.body);
}

/** Same, for a value not taken from the request body. Errors call it `subject`. */
export function createValueParser<Schema extends TSchema>(
  schema: Schema,
  codes: FieldCodes,
  subject: string,
): (value: unknown) => Static<Schema> {
  const getCheck = createSchemaCheck(schema);
  return (value) => {
    checkTexts(value, subject);
    const isValid = getCheck();
    if (isValid(value)) return value;
    const [error] = isValid.errors ?? [];
    if (error === undefined) throw new ApiError('bad_request', `${subject} is invalid for this request.`);
    const { instancePath: path, keyword } = error;
    if (keyword === 'required') {
      const missing = (error.schema as string[]).filter((field) => !Object.hasOwn(error.data as object, field));
      const code = codes[`${path}/${missing[0]}`]?.missing ?? 'bad_request';
      throw new ApiError(code, `${subject} is missing ${missing.join(', ')}.`);
    }
    const name = path.slice(1).replaceAll('/', '.') || subject;
    const { message, kind } = toFault(error);
    const code = kind === undefined ? codes[path]?.invalid : FAULT_CODES[kind];
    throw new ApiError(code ?? 'bad_request', `${name} ${message}.`);
  };
}
