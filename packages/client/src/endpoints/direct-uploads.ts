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
import { multipart } from '../multipart.ts';
import { uploadedShape } from '../response-shape.ts';
import type { Answered, Endpoint, FieldsQuery, QueryOptions } from './endpoint.ts';

const MAY_UPLOAD = { upload_url: 'string' } as const;

/** A file in one piece. */
export interface DirectUpload<Attributes> {
  attributes: Attributes;
  file: Uint8Array | Blob;
}

export interface DirectUploadOptions<Field> extends QueryOptions<FieldsQuery<Field>> {
  /** The SHA-1 of the file in hex: the server refuses other bytes. Goes as `content-md5`, as Box has it. */
  sha1?: string | undefined;
  onSent?: ((bytes: number) => void) | undefined;
}

type Uploaded<Field extends keyof FileWithAllFields> = Omit<UploadedFiles, 'entries'> & {
  entries: Answered<FileObject, FileWithAllFields, Field>[];
};

export type Uploads = ReturnType<typeof uploads>;

/** Files in one piece, and the question whether an upload would be taken. */
export function uploads({ caller, api, upload }: Endpoint) {
  function send<T>(
    url: string,
    { attributes, file }: DirectUpload<object>,
    { queryParams: query, sha1, ...options }: DirectUploadOptions<string>,
  ): Promise<T> {
    const { contentType, body } = multipart(attributes, file);
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

    /** POST /files/:file_id/content; `if-match` in the headers makes sure which version it comes after. */
    uploadFileVersion<Field extends keyof FileWithAllFields = never>(
      fileId: string,
      requestBody: DirectUpload<NewVersionAttributes>,
      options: DirectUploadOptions<Field> = {},
    ): Promise<Uploaded<Field>> {
      return send(`${upload}/files/${encodeURIComponent(fileId)}/content`, requestBody, options);
    },

    /** OPTIONS /files/content: resolves where the file would be taken now. It promises nothing for later. */
    preflightFileUploadCheck(requestBody: PreflightFile, options: CallOptions = {}): Promise<UploadUrl> {
      return caller.json(
        { ...options, method: 'OPTIONS', url: `${api}/files/content`, json: requestBody },
        { shape: MAY_UPLOAD },
      );
    },

    /** OPTIONS /files/:file_id/content, of a new version. */
    preflightFileVersionUploadCheck(
      fileId: string,
      requestBody: PreflightVersion,
      options: CallOptions = {},
    ): Promise<UploadUrl> {
      const url = `${api}/files/${encodeURIComponent(fileId)}/content`;
      return caller.json({ ...options, method: 'OPTIONS', url, json: requestBody }, { shape: MAY_UPLOAD });
    },
  };
}
