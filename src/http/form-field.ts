import { parse } from 'content-type';
import { decodeText } from './decode-text.ts';

/** What the headers of one part of a multipart form say. */
export interface FormField {
  /** Empty if it has none: nothing is ever looked for under that name. */
  name: string;
  /** As it came, one character for each byte. */
  fileName: string | undefined;
  charset: string | undefined;
  isFile: boolean;
}

/** Under these a file may come that has no file name with it. */
const FILE_FIELDS = ['file', 'content', 'contents', 'filename'];

/** Reads a part's headers, whose names are in lower case. `attributes` is a field even if it has a file name. */
export function fieldOf(headers: Record<string, string[]>): FormField {
  const disposition = parse(headers['content-disposition']?.[0] ?? '');
  const { type, parameters } = parse(headers['content-type']?.[0] ?? '');
  if (disposition.type !== 'form-data') return { name: '', fileName: undefined, charset: undefined, isFile: false };
  const { name = '', filename: fileName } = disposition.parameters;
  const looksLikeFile = fileName !== undefined || type === 'application/octet-stream' || FILE_FIELDS.includes(name);
  return { name, fileName, charset: parameters.charset, isFile: name !== 'attributes' && looksLikeFile };
}

/** The name that a file came with. */
export function fileNameOf({ fileName = '' }: FormField, charset: string | undefined): string {
  return decodeText(Buffer.from(fileName, 'latin1'), charset, 'The file name');
}
