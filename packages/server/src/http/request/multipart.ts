import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Dicer } from '@fastify/busboy';
import { ApiError } from '../api-error.ts';
import { contentTypeOf } from './content-type.ts';
import { type FormField, fieldOf, fileNameOf } from './form-field.ts';
import { parseJson } from './parse-json.ts';

const MOST_ATTRIBUTE_BYTES = 64 * 1024;
/** What all fields but the file may hold together, and what may come before the first of them. */
const MOST_TEXT_BYTES = 128 * 1024;
const MOST_PARTS = 50;
/** RFC 2046 allows 70; the parser takes 250. */
const MOST_BOUNDARY = 200;

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
  const parser = makeParser(request);
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
      stop(malformed('a part has a content-transfer-encoding: send its bytes'));
    else if (isFile) takeFile(part, field);
    else if (isAttributes && file !== undefined) stop(attributesTooLate());
    else if (isAttributes && texts.has(name)) stop(malformed('it holds attributes twice'));
    else {
      const bytes = readText(part, isAttributes ? MOST_ATTRIBUTE_BYTES : MOST_TEXT_BYTES);
      if (!texts.has(name)) texts.set(name, { field, bytes });
    }
  }

  function takeFile(part: Readable, field: FormField): void {
    if (file !== undefined) {
      stop(malformed('it holds more than one file'));
      return;
    }
    file = part;
    attributesOf(field).then(
      (attributes) => opened.resolve({ attributes, file: wholly(part, ended.promise), dismiss }),
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
      if (size > most || textBytes > MOST_TEXT_BYTES) {
        part.removeAllListeners('data');
        stop(malformed(`a field is larger than ${most} bytes, or all are larger than ${MOST_TEXT_BYTES} together`));
      }
    });
    return new Promise((resolve) => part.on('end', () => resolve(Buffer.concat(chunks))));
  }

  async function attributesOf(named: FormField): Promise<unknown> {
    const found = texts.get('attributes');
    const charset = (await text('_charset_')) ?? contentTypeOf(request).parameters.charset;
    if (found !== undefined) {
      return parseJson(await found.bytes, found.field.charset ?? charset, 'The field "attributes"');
    }
    // Box's first API, which curl examples of its time show: the file has its name with it.
    const parent = (await text('parent_id')) ?? (await text('folder_id'));
    return parent === undefined ? undefined : { name: fileNameOf(named, charset), parent: { id: parent } };
  }

  async function text(name: string): Promise<string | undefined> {
    return (await texts.get(name)?.bytes)?.toString('latin1').trim();
  }

  parser.on('preamble', (preamble) => {
    preamble.on('error', () => stop(malformed('its boundary never comes')));
    void readText(preamble, MOST_TEXT_BYTES);
  });
  parser.on('part', (part) => {
    parts += 1;
    part.on('error', () => stop(malformed('it ends in the middle of a field')));
    if (parts > MOST_PARTS) return stop(malformed(`it holds more than ${MOST_PARTS} fields`));
    part.on('header', (headers) => takePart(part, fieldOf(headers as Record<string, string[]>)));
  });
  parser.on('finish', () => {
    if (file === undefined) opened.reject(malformed('it holds no file'));
    ended.resolve();
  });
  parser.on('error', () => stop(malformed('it ends before its closing boundary')));
  request.on('error', () => stop(malformed('it broke off')));
  request.on('close', () => {
    if (!request.complete) stop(malformed('it broke off'));
  });
  request.pipe(parser);
  return opened.promise;
}

function makeParser(request: IncomingMessage): Dicer {
  const { type, parameters } = contentTypeOf(request);
  const { boundary = '' } = parameters;
  if (!type.startsWith('multipart/')) throw malformed('its content type is not multipart/form-data with a boundary');
  if (boundary === '') throw malformed('its content type names no boundary');
  if (boundary.length > MOST_BOUNDARY) throw malformed(`its boundary has more than ${MOST_BOUNDARY} characters`);
  return new Dicer({ boundary, maxHeaderPairs: 100, maxHeaderSize: 16_384 } as ConstructorParameters<typeof Dicer>[0]);
}

async function* wholly(stream: Readable, ended: Promise<void>): AsyncGenerator<Uint8Array, void, undefined> {
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
export function attributesTooLate(): ApiError {
  return new ApiError('metadata_after_file_contents', 'The field "attributes" must come before the file.');
}

function malformed(why: string): ApiError {
  return new ApiError('bad_request', `The multipart body cannot be taken: ${why}. Nothing of it was kept.`);
}
