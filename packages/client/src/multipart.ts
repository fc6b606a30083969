import type { RequestBody } from './transport.ts';

/** Creates a multipart body with `attributes` and the file. The file is not copied, and the size of the body is known. */
export function renderMultipart(
  attributes: object,
  file: Uint8Array | Blob,
): { contentType: string; body: RequestBody } {
  const boundary = `partway-${randomHex()}`;
  const disposition = (name: string, parameters = '') => `content-disposition: form-data; name="${name}"${parameters}`;
  const head = [
    `--${boundary}`,
    disposition('attributes'),
    'content-type: application/json',
    '',
    JSON.stringify(attributes),
    `--${boundary}`,
    // A placeholder: servers take the file's name from the attributes.
    disposition('file', '; filename="file"'),
    'content-type: application/octet-stream',
    '',
    '',
  ].join('\r\n');
  const tail = `\r\n--${boundary}--\r\n`;
  const body = file instanceof Blob ? new Blob([head, file, tail]) : [encode(head), file, encode(tail)];
  return { contentType: `multipart/form-data; boundary=${boundary}`, body };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** 128 random bits. `crypto.randomUUID` exists only on pages loaded over https. */
function randomHex(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
