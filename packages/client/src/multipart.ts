import type { RequestBody } from './transport.ts';

/** A multipart body of `attributes` and then the file, in pieces of which none is copied; its size is known. */
export function multipart(attributes: object, file: Uint8Array | Blob): { contentType: string; body: RequestBody } {
  const boundary = `partway-${randomHex()}`;
  const disposition = (name: string, more = '') => `content-disposition: form-data; name="${name}"${more}`;
  const head = [
    `--${boundary}`,
    disposition('attributes'),
    'content-type: application/json',
    '',
    JSON.stringify(attributes),
    `--${boundary}`,
    // The file's name stands in the attributes; servers take none from here.
    disposition('file', '; filename="file"'),
    'content-type: application/octet-stream',
    '',
    '',
  ].join('\r\n');
  const tail = `\r\n--${boundary}--\r\n`;
  const body = file instanceof Blob ? new Blob([head, file, tail]) : [bytesOf(head), file, bytesOf(tail)];
  return { contentType: `multipart/form-data; boundary=${boundary}`, body };
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** 128 bits. `crypto.randomUUID` is only there where the page came by https. */
function randomHex(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
