import type { OutgoingHttpHeaders } from 'node:http';
import type { Answer, Api } from '../support/api.ts';

const BOUNDARY = 'partway-test-boundary';
export const FORM = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };

export interface FormPart {
  /** What stands in Content-Disposition behind `form-data; `. */
  disposition: string;
  type?: string;
  body: string | Uint8Array;
}

/** A multipart body, put together by hand so that a test says exactly what is on the wire. */
export function form(...parts: FormPart[]): Buffer {
  const pieces = parts.flatMap(({ disposition, type, body }) => [
    Buffer.from(`--${BOUNDARY}\r\ncontent-disposition: form-data; ${disposition}\r\n`),
    Buffer.from(type === undefined ? '\r\n' : `content-type: ${type}\r\n\r\n`),
    Buffer.from(body),
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...pieces, Buffer.from(`--${BOUNDARY}--\r\n`)]);
}

/** The field that says what the file is. */
export function attributes(value: unknown, type?: string): FormPart {
  return { disposition: 'name="attributes"', ...(type && { type }), body: JSON.stringify(value) };
}

export function filePart(body: string | Uint8Array, disposition = 'name="file"; filename="other.bin"'): FormPart {
  return { disposition, type: 'application/octet-stream', body };
}

/** Sends a multipart body to a call. */
export function sendForm(api: Api, path: string, body: unknown, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  return api.call('POST', path, { headers: { ...FORM, ...headers }, body });
}

/** A direct upload as most clients send it. Throws where it is refused; gives the file's JSON. */
export async function upload(api: Api, name: string, body: string | Uint8Array, parent = '0') {
  const answer = await sendForm(
    api,
    '/files/content',
    form(attributes({ name, parent: { id: parent } }), filePart(body)),
  );
  if (answer.status !== 201) throw new Error(`no file: ${answer.status} ${answer.text}`);
  return answer.json.entries[0];
}
