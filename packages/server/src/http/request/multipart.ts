import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Dicer } from '@fastify/busboy';
import { ApiError } from '../api-error.ts';
import { getContentType } from './content-type.ts';
import { decodeFileName, type FormField, parseFormField } from './form-field.ts';
import { parseJson } from './parse-json.ts';

const MAX_ATTRIBUTE_BYTES = 64 * 1024;
/** What all fields but the file may hold together, and what may come before the first of them. */
const MAX_TEXT_BYTES = 128 * 1024;
const MAX_PARTS = 50;
/** RFC 2046 allows 70; the parser takes 250. */
const MAX_BOUNDARY_CHARACTERS = 200;

/** A multipart upload, read up to its file; the file is still on its way. */
export interface MultipartUpload {
  /** The `attributes` field as JSON; what a form of Box's first API said instead; undefined if nothing came. */
  attributes: unknown;
  /** The file. Ends only once the whole form has come and was well formed; otherwise throws before its end. */
  file: AsyncIterable<Uint8Array>;
  /** Takes no more of the body, wherever it stands. The caller's duty, also after the end. */
  dismiss(): void;
}

/**
 * Reads a multipart upload up to its file (wire: "What breaks clients"). Of the fields before it, `attributes` counts, of
 * any content type; others, such as those that web frameworks add, are ignored. The file may have any name.
 * Refuses `metadata_after_file_contents`, and `bad_request` for what is no such form.
 * Never ends the connection: a refusal must still find its way.
 */
export function openMultipart(request: IncomingMessage): Promise<MultipartUpload> {
  const parser = createParser(request);
  const opened = Promise.withResolvers<MultipartUpload>();
  const ended = Promise.withResolvers<void>();
  // Whoever reads the file learns of it there; before that, through `opened`.
  ended.promise.catch(() => {});
  const texts = new Map<string, { field: FormField; bytes: Promise<Buffer> }>();
  let file: Readable | undefined;
  let parts = 0;
  let textBytes = 0;

  function stop(refusal: ApiError): void {
    request.unpipe(parser);
    opened.reject(refusal);
    ended.reject(refusal);
    file?.destroy(refusal);
  }

  function dismiss(): void {
    request.unpipe(parser);
    file?.destroy();
  }

  function takePart(part: Readable, field: FormField): void {
    const { name, isFile, isEncoded } = field;
    const isAttributes = name === 'attributes';
    if (isEncoded && (isFile || isAttributes))
      stop(malformedError('a part has a content-transfer-encoding: send its bytes'));
    else if (isFile) takeFile(part, field);
    else if (isAttributes && file !== undefined) stop(attributesTooLateError());
    else if (isAttributes && texts.has(name)) stop(malformedError('it holds attributes twice'));
    else {
      const bytes = readText(part, isAttributes ? MAX_ATTRIBUTE_BYTES : MAX_TEXT_BYTES);
      if (!texts.has(name)) texts.set(name, { field, bytes });
    }
  }

  function takeFile(part: Readable, field: FormField): void {
    if (file !== undefined) {
      stop(malformedError('it holds more than one file'));
      return;
    }
    file = part;
    attributesOf(field).then(
      (attributes) => opened.resolve({ attributes, file: readComplete(part, ended.promise), dismiss }),
      stop,
    );
  }

  /** Resolves with the bytes of a field. One that is too large stops everything, and then it never does. */
  function readText(part: Readable, most: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    part.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      textBytes += chunk.length;
      if (size > most || textBytes > MAX_TEXT_BYTES) {
        part.removeAllListeners('data');
        stop(malformedError(`a field is larger than ${most} bytes, or all are larger than ${MAX_TEXT_BYTES} together`));
      }
    });
    return new Promise((resolve) => part.on('end', () => resolve(Buffer.concat(chunks))));
  }

  async function attributesOf(named: FormField): Promise<unknown> {
    const found = texts.get('attributes');
    const charset = (await text('_charset_')) ?? getContentType(request).parameters.charset;
    if (found !== undefined) {
      return parseJson(await found.bytes, found.field.charset ?? charset, 'The field "attributes"');
    }
    // Box's first API, which curl examples of its time show: the file has its name with it.
    const parent = (await text('parent_id')) ?? (await text('folder_id'));
    return parent === undefined ? undefined : { name: decodeFileName(named, charset), parent: { id: parent } };
  }

  async function text(name: string): Promise<string | undefined> {
    return (await texts.get(name)?.bytes)?.toString('latin1').trim();
  }

  parser.on('preamble', (preamble) => {
    preamble.on('error', () => stop(malformedError('its boundary never comes')));
    void readText(preamble, MAX_TEXT_BYTES);
  });
  parser.on('part', (part) => {
    parts += 1;
    part.on('error', () => stop(malformedError('it ends in the middle of a field')));
    if (parts > MAX_PARTS) return stop(malformedError(`it holds more than ${MAX_PARTS} fields`));
    part.on('header', (headers) => takePart(part, parseFormField(headers as Record<string, string[]>)));
  });
  parser.on('finish', () => {
    if (file === undefined) opened.reject(malformedError('it holds no file'));
    ended.resolve();
  });
  parser.on('error', () => stop(malformedError('it ends before its closing boundary')));
  request.on('error', () => stop(malformedError('it broke off')));
  request.on('close', () => {
    if (!request.complete) stop(malformedError('it broke off'));
  });
  request.pipe(parser);
  return opened.promise;
}

function createParser(request: IncomingMessage): Dicer {
  const { type, parameters } = getContentType(request);
  const { boundary = '' } = parameters;
  if (!type.startsWith('multipart/'))
    throw malformedError('its content type is not multipart/form-data with a boundary');
  if (boundary === '') throw malformedError('its content type names no boundary');
  if (boundary.length > MAX_BOUNDARY_CHARACTERS)
    throw malformedError(`its boundary has more than ${MAX_BOUNDARY_CHARACTERS} characters`);
  return new Dicer({ boundary, maxHeaderPairs: 100, maxHeaderSize: 16_384 } as ConstructorParameters<typeof Dicer>[0]);
}

async function* readComplete(stream: Readable, ended: Promise<void>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* stream;
  } catch (error) {
    // The refusal says what the parser's error does not.
    await ended;
    throw error;
  }
  await ended;
}

/** For a file that comes before `attributes`, or without them. */
export function attributesTooLateError(): ApiError {
  return new ApiError('metadata_after_file_contents', 'The field "attributes" must come before the file.');
}

function malformedError(why: string): ApiError {
  return new ApiError('bad_request', `The multipart body cannot be taken: ${why}. Nothing of it was kept.`);
}
