import { parse } from 'content-type';
import { decodeText } from './decode-text.ts';

/** What the headers of one part of a multipart form say. */
export interface FormField {
  /** Empty if it has none: nothing is ever looked for under that name. */
  name: string;
  /** One character for each byte. */
  fileName: string | undefined;
  /** What the file name says of its own charset. */
  fileNameCharset: string | undefined;
  charset: string | undefined;
  isFile: boolean;
  /** Its bytes stand for others (RFC 2045, section 6), which no client needs over HTTP and RFC 7578 has deprecated. */
  isEncoded: boolean;
}

/** Under these a file may come that has no file name with it. */
const FILE_FIELDS = ['file', 'content', 'contents', 'filename'];

const NO_FIELD: FormField = {
  name: '',
  fileName: undefined,
  fileNameCharset: undefined,
  charset: undefined,
  isFile: false,
  isEncoded: false,
};

/** Reads a part's headers, whose names are in lower case. `attributes` is a field even if it has a file name. */
export function parseFormField(headers: Record<string, string[]>): FormField {
  const disposition = parse(headers['content-disposition']?.[0] ?? '');
  const { type, parameters } = parse(headers['content-type']?.[0] ?? '');
  if (disposition.type !== 'form-data') return NO_FIELD;
  const { name = '' } = disposition.parameters;
  const { fileName, fileNameCharset } = parseFileName(disposition.parameters);
  const looksLikeFile = fileName !== undefined || type === 'application/octet-stream' || FILE_FIELDS.includes(name);
  const encoding = headers['content-transfer-encoding']?.[0]?.trim().toLowerCase() ?? '';
  return {
    name,
    fileName,
    fileNameCharset,
    charset: parameters.charset,
    isFile: name !== 'attributes' && looksLikeFile,
    isEncoded: encoding === 'base64' || encoding === 'quoted-printable',
  };
}

/** The name that a file came with: `filename`, or `filename*` as some older clients write a name that is not ASCII. */
function parseFileName({
  filename: plain,
  'filename*': extended,
}: Record<string, string>): Pick<FormField, 'fileName' | 'fileNameCharset'> {
  const [, charset, encoded] = /^([^']*)'[^']*'(.*)$/s.exec(extended ?? '') ?? [];
  if (encoded === undefined) return { fileName: plain ?? extended, fileNameCharset: undefined };
  const fileName = encoded.replaceAll(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return { fileName, fileNameCharset: charset };
}

/** The name that a file came with. */
export function decodeFileName({ fileName = '', fileNameCharset }: FormField, charset: string | undefined): string {
  return decodeText(Buffer.from(fileName, 'latin1'), fileNameCharset ?? charset, 'The file name');
}
