import { parse } from 'content-type';
import { decodeText } from './decode-text.ts';

/** The headers of one part of a multipart form. */
export interface FormField {
  /** Empty if it has none. */
  name: string;
  /** Not decoded: one character per byte. */
  fileName: string | undefined;
  /** The charset that the file name itself declares. */
  fileNameCharset: string | undefined;
  charset: string | undefined;
  isFile: boolean;
  /**
   * Whether it has a transfer encoding (RFC 2045, section 6), which is not needed over HTTP and deprecated by RFC 7578.
   */
  isEncoded: boolean;
}

/** Field names that mark a file even without a file name. */
const FILE_FIELDS = ['file', 'content', 'contents', 'filename'];

const NO_FIELD: FormField = {
  name: '',
  fileName: undefined,
  fileNameCharset: undefined,
  charset: undefined,
  isFile: false,
  isEncoded: false,
};

/** Parses the headers of a part; their names must be lowercase. `attributes` is never a file, even with a file name. */
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

/** Finds the file name: `filename`, or `filename*`, in which some older clients send names that are not ASCII. */
function parseFileName({
  filename: plain,
  'filename*': extended,
}: Record<string, string>): Pick<FormField, 'fileName' | 'fileNameCharset'> {
  const [, charset, encoded] = /^([^']*)'[^']*'(.*)$/s.exec(extended ?? '') ?? [];
  if (encoded === undefined) return { fileName: plain ?? extended, fileNameCharset: undefined };
  const fileName = encoded.replaceAll(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return { fileName, fileNameCharset: charset };
}

/** Decodes the file name of a field. */
export function decodeFileName({ fileName = '', fileNameCharset }: FormField, charset: string | undefined): string {
  return decodeText(Buffer.from(fileName, 'latin1'), fileNameCharset ?? charset, 'The file name');
}
