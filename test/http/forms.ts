import type { OutgoingHttpHeaders } from 'node:http';
import type { Api, ApiResponse } from '../support/api.ts';

const BOUNDARY = 'partway-test-boundary';
export const FORM = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };

export interface FormPart {
  /** The text after `form-data; ` in Content-Disposition. */
  disposition: string;
  type?: string;
  body: string | Uint8Array;
}

/** A multipart body, assembled by hand so that a test controls every byte of it. */
export function form(...parts: FormPart[]): Buffer {
  const pieces = parts.flatMap(({ disposition, type, body }) => [
    Buffer.from(`--${BOUNDARY}\r\ncontent-disposition: form-data; ${disposition}\r\n`),
    Buffer.from(type === undefined ? '\r\n' : `content-type: ${type}\r\n\r\n`),
    Buffer.from(body),
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...pieces, Buffer.from(`--${BOUNDARY}--\r\n`)]);
}

/** The field that describes the file. */
export function attributes(value: unknown, type?: string): FormPart {
  return { disposition: 'name="attributes"', ...(type && { type }), body: JSON.stringify(value) };
}

export function filePart(body: string | Uint8Array, disposition = 'name="file"; filename="other.bin"'): FormPart {
  return { disposition, type: 'application/octet-stream', body };
}

/** Sends a multipart body to a call. */
export function sendForm(
  api: Api,
  path: string,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): Promise<ApiResponse> {
  return api.call('POST', path, { headers: { ...FORM, ...headers }, body });
}

/** A direct upload as most clients send it. Throws if it fails. Returns the file's JSON. */
export async function upload(api: Api, name: string, body: string | Uint8Array, parent = '0') {
  const answer = await sendForm(
    api,
    '/files/content',
    form(attributes({ name, parent: { id: parent } }), filePart(body)),
  );
  if (answer.status !== 201) throw new Error(`upload failed: ${answer.status} ${answer.text}`);
  return answer.json.entries[0];
}
