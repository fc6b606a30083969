import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Dicer } from '@fastify/busboy';
import { ApiError } from '../api-error.ts';
import { getContentType } from './content-type.ts';
import { decodeFileName, type FormField, parseFormField } from './form-field.ts';
import { parseJson } from './parse-json.ts';

const MAX_ATTRIBUTE_BYTES = 64 * 1024;
/** Limit for all fields except the file together, and for the preamble. */
const MAX_TEXT_BYTES = 128 * 1024;
const MAX_PARTS = 50;
/** RFC 2046 allows 70 characters; the parser fails above 250. */
const MAX_BOUNDARY_CHARACTERS = 200;

/** A multipart upload that has been read up to the beginning of its file. */
export interface MultipartUpload {
  /** The parsed `attributes` field, or the equivalent from a form of Box's first API; undefined if there is neither. */
  attributes: unknown;
  /** The file's bytes. Ends only after the whole form was received and is valid; otherwise throws. */
  file: AsyncIterable<Uint8Array>;
  /** Stops reading the body. Callers must call this in the end, even if they have read all of the file. */
  dismiss(): void;
}

/**
 * Reads a multipart upload up to the beginning of its file. Uses the `attributes` field, with any content type, and
 * ignores other fields, such as those that web frameworks add. The file's field can have any name. Throws
 * `metadata_after_file_contents`, and `bad_request` for an invalid form. Never closes the connection, so that the error
 * response can be sent.
 */
export function openMultipart(request: IncomingMessage): Promise<MultipartUpload> {
  const parser = createParser(request);
  const opened = Promise.withResolvers<MultipartUpload>();
  const ended = Promise.withResolvers<void>();
  // Errors are reported by `opened`, and later by the file's iterator.
  ended.promise.catch(() => {});
  const texts = new Map<string, { field: FormField; bytes: Promise<Buffer> }>();
  let file: Readable | undefined;
  let parts = 0;
  let textBytes = 0;

  function fail(error: ApiError): void {
    request.unpipe(parser);
    opened.reject(error);
    ended.reject(error);
    file?.destroy(error);
  }

  function dismiss(): void {
    request.unpipe(parser);
    file?.destroy();
  }

  function handlePart(part: Readable, field: FormField): void {
    const { name, isFile, isEncoded } = field;
    const isAttributes = name === 'attributes';
    if (isEncoded && (isFile || isAttributes)) {
      fail(malformedError('content-transfer-encoding is not supported; send the bytes unencoded'));
    } else if (isFile) {
      handleFile(part, field);
    } else if (isAttributes && file !== undefined) {
      fail(attributesTooLateError());
    } else if (isAttributes && texts.has(name)) {
      fail(malformedError('it contains the field "attributes" twice'));
    } else {
      const bytes = readText(part, isAttributes ? MAX_ATTRIBUTE_BYTES : MAX_TEXT_BYTES);
      if (!texts.has(name)) texts.set(name, { field, bytes });
    }
  }

  function handleFile(part: Readable, field: FormField): void {
    if (file !== undefined) {
      fail(malformedError('it contains more than one file'));
      return;
    }
    file = part;
    parseAttributes(field).then(
      (attributes) => opened.resolve({ attributes, file: readComplete(part, ended.promise), dismiss }),
      fail,
    );
  }

  /** Resolves to the bytes of a field. If the field is too large, the upload fails and the promise never settles. */
  function readText(part: Readable, maxBytes: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    part.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      textBytes += chunk.length;
      if (size > maxBytes || textBytes > MAX_TEXT_BYTES) {
        part.removeAllListeners('data');
        fail(
          malformedError(
            `a field is larger than ${maxBytes} bytes, or all fields together are larger than ${MAX_TEXT_BYTES} bytes`,
          ),
        );
      }
    });
    return new Promise((resolve) => part.on('end', () => resolve(Buffer.concat(chunks))));
  }

  async function parseAttributes(fileField: FormField): Promise<unknown> {
    const attributes = texts.get('attributes');
    const charset = (await findText('_charset_')) ?? getContentType(request).parameters.charset;
    if (attributes !== undefined) {
      return parseJson(await attributes.bytes, attributes.field.charset ?? charset, 'The field "attributes"');
    }
    // Box's first API, still in old curl examples, took the name from the file's own field.
    const parent = (await findText('parent_id')) ?? (await findText('folder_id'));
    return parent === undefined ? undefined : { name: decodeFileName(fileField, charset), parent: { id: parent } };
  }

  async function findText(name: string): Promise<string | undefined> {
    return (await texts.get(name)?.bytes)?.toString('latin1').trim();
  }

  parser.on('preamble', (preamble) => {
    preamble.on('error', () => fail(malformedError('it does not contain its boundary')));
    void readText(preamble, MAX_TEXT_BYTES);
  });
  parser.on('part', (part) => {
    parts += 1;
    part.on('error', () => fail(malformedError('it ends in the middle of a field')));
    if (parts > MAX_PARTS) return fail(malformedError(`it contains more than ${MAX_PARTS} fields`));
    part.on('header', (headers) => handlePart(part, parseFormField(headers as Record<string, string[]>)));
  });
  parser.on('finish', () => {
    if (file === undefined) opened.reject(malformedError('it contains no file'));
    ended.resolve();
  });
  parser.on('error', () => fail(malformedError('it ends before its closing boundary')));
  request.on('error', () => fail(malformedError('it ended early')));
  request.on('close', () => {
    if (!request.complete) fail(malformedError('it ended early'));
  });
  request.pipe(parser);
  return opened.promise;
}

function createParser(request: IncomingMessage): Dicer {
  const { type, parameters } = getContentType(request);
  const { boundary = '' } = parameters;
  if (!type.startsWith('multipart/'))
    throw malformedError('its content type is not multipart/form-data with a boundary');
  if (boundary === '') throw malformedError('its content type has no boundary');
  if (boundary.length > MAX_BOUNDARY_CHARACTERS)
    throw malformedError(`its boundary has more than ${MAX_BOUNDARY_CHARACTERS} characters`);
  return new Dicer({ boundary, maxHeaderPairs: 100, maxHeaderSize: 16_384 } as ConstructorParameters<typeof Dicer>[0]);
}

async function* readComplete(stream: Readable, ended: Promise<void>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* stream;
  } catch (error) {
    // Rejects with the `ApiError`, which explains more than the parser's error.
    await ended;
    throw error;
  }
  await ended;
}

/** The error for a file that comes before `attributes` or without it. */
export function attributesTooLateError(): ApiError {
  return new ApiError('metadata_after_file_contents', 'The field "attributes" must come before the file.');
}

function malformedError(reason: string): ApiError {
  return new ApiError('bad_request', `The multipart body is invalid: ${reason}. Nothing was stored.`);
}
