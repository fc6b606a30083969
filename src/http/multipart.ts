import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy';
import { Refusal } from '../api/refusal.ts';

const MOST_ATTRIBUTE_BYTES = 64 * 1024;

/** A multipart upload whose first field has come; the file is still on its way. */
export interface MultipartUpload {
  /** The `attributes` field, as it came. */
  attributes: string;
  /** The file. Ends only once the whole request has come and was well formed; otherwise throws before its end. */
  file: AsyncIterable<Uint8Array>;
  /** Takes no more of the body, wherever it stands. The caller's duty, also after the end. */
  dismiss(): void;
}

/**
 * Reads a multipart upload up to its file (wire: "What breaks clients"): `attributes`, of any content type, then one
 * file under any name. Refuses `metadata_after_file_contents`, and `bad_request` for everything else that is not that.
 * Never ends the connection: a refusal must still find its way.
 */
export function openMultipart(request: IncomingMessage): Promise<MultipartUpload> {
  const busboy = makeParser(request);
  const opened = Promise.withResolvers<MultipartUpload>();
  const ended = Promise.withResolvers<void>();
  // Whoever reads the file learns of it there; before that, through `opened`.
  ended.promise.catch(() => {});
  let attributes: string | undefined;
  let file: Readable | undefined;

  function stop(refusal: Refusal): void {
    request.unpipe(busboy);
    opened.reject(refusal);
    ended.reject(refusal);
    file?.destroy(refusal);
  }

  function dismiss(): void {
    request.unpipe(busboy);
    file?.destroy();
  }

  busboy.on('field', (name, value, _nameCut, valueCut) => {
    if (name !== 'attributes') return;
    if (valueCut) stop(malformed(`attributes is larger than ${MOST_ATTRIBUTE_BYTES} bytes`));
    attributes ??= value;
  });
  busboy.on('file', (_name, stream) => {
    file = stream;
    stream.on('error', () => stop(malformed('it ends in the middle of the file')));
    if (attributes === undefined) return stop(attributesTooLate());
    opened.resolve({ attributes, file: wholly(stream, ended.promise), dismiss });
  });
  for (const limit of ['filesLimit', 'fieldsLimit', 'partsLimit'] as const) {
    busboy.on(limit, () => stop(malformed('it holds more than attributes and one file')));
  }
  busboy.on('finish', () => {
    opened.reject(malformed('it holds no file'));
    ended.resolve();
  });
  busboy.on('error', () => stop(malformed('it ends before its closing boundary')));
  request.on('error', () => stop(malformed('it broke off')));
  request.on('close', () => {
    if (!request.complete) stop(malformed('it broke off'));
  });
  request.pipe(busboy);
  return opened.promise;
}

function makeParser(request: IncomingMessage): BusboyInstance {
  const { headers } = request;
  if (!/^multipart\/form-data\s*;/i.test(headers['content-type'] ?? '')) {
    throw malformed('its content type is not multipart/form-data with a boundary');
  }
  try {
    return new Busboy({
      headers: headers as BusboyHeaders,
      isPartAFile: (name) => name !== 'attributes',
      limits: { fieldSize: MOST_ATTRIBUTE_BYTES, fields: 1, files: 1, parts: 2, headerPairs: 100, headerSize: 16_384 },
    });
  } catch {
    throw malformed('its content type names no boundary');
  }
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

function attributesTooLate(): Refusal {
  return new Refusal('metadata_after_file_contents', 'The field "attributes" must come before the file.');
}

function malformed(why: string): Refusal {
  return new Refusal('bad_request', `The multipart body cannot be taken: ${why}. Nothing of it was kept.`);
}
