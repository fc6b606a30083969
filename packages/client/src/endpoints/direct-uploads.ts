import type {
  FileObject,
  FileWithAllFields,
  NewFileAttributes,
  NewVersionAttributes,
  PreflightFile,
  PreflightVersion,
  UploadedFiles,
  UploadUrl,
} from '@partway/protocol/schemas/files';
import type { CallOptions } from '../call.ts';
import { renderMultipart } from '../multipart.ts';
import { uploadedShape } from '../response-shape.ts';
import type { Endpoint, FieldsQuery, QueryOptions, WithFields } from './endpoint.ts';

const UPLOAD_URL = { upload_url: 'string' } as const;

/** A file that is uploaded in one request. */
export interface DirectUpload<Attributes> {
  attributes: Attributes;
  file: Uint8Array | Blob;
}

export interface DirectUploadOptions<Field> extends QueryOptions<FieldsQuery<Field>> {
  /** The SHA-1 of the file in hex, which the server verifies. It is sent as `content-md5`, as Box expects. */
  sha1?: string | undefined;
  onSent?: ((bytes: number) => void) | undefined;
}

type Uploaded<Field extends keyof FileWithAllFields> = Omit<UploadedFiles, 'entries'> & {
  entries: WithFields<FileObject, FileWithAllFields, Field>[];
};

export type Uploads = ReturnType<typeof uploads>;

/** Uploads in one request, and preflight checks. */
export function uploads({ caller, api, upload }: Endpoint) {
  function send<T>(
    url: string,
    { attributes, file }: DirectUpload<object>,
    { queryParams: query, sha1, ...options }: DirectUploadOptions<string>,
  ): Promise<T> {
    const { contentType, body } = renderMultipart(attributes, file);
    const headers = {
      'content-type': contentType,
      ...(sha1 !== undefined && { 'content-md5': sha1 }),
      ...options.headers,
    };
    return caller.json(
      { ...options, method: 'POST', url, query, headers, body },
      { shape: uploadedShape(query?.fields) },
    );
  }

  return {
    /** POST /files/content */
    uploadFile<Field extends keyof FileWithAllFields = never>(
      requestBody: DirectUpload<NewFileAttributes>,
      options: DirectUploadOptions<Field> = {},
    ): Promise<Uploaded<Field>> {
      return send(`${upload}/files/content`, requestBody, options);
    },

    /** POST /files/:file_id/content. With `if-match` in the headers, it fails if the file has changed. */
    uploadFileVersion<Field extends keyof FileWithAllFields = never>(
      fileId: string,
      requestBody: DirectUpload<NewVersionAttributes>,
      options: DirectUploadOptions<Field> = {},
    ): Promise<Uploaded<Field>> {
      return send(`${upload}/files/${encodeURIComponent(fileId)}/content`, requestBody, options);
    },

    /** OPTIONS /files/content: resolves if the file would be accepted now. That does not guarantee a later upload. */
    preflightFileUploadCheck(requestBody: PreflightFile, options: CallOptions = {}): Promise<UploadUrl> {
      return caller.json(
        { ...options, method: 'OPTIONS', url: `${api}/files/content`, json: requestBody },
        { shape: UPLOAD_URL },
      );
    },

    /** OPTIONS /files/:file_id/content: the same for a new version. */
    preflightFileVersionUploadCheck(
      fileId: string,
      requestBody: PreflightVersion,
      options: CallOptions = {},
    ): Promise<UploadUrl> {
      const url = `${api}/files/${encodeURIComponent(fileId)}/content`;
      return caller.json({ ...options, method: 'OPTIONS', url, json: requestBody }, { shape: UPLOAD_URL });
    },
  };
}
