import { type Addresses, resolveAddresses } from './addresses.ts';
import { type CallRetry, createCaller } from './call.ts';
import { type Authorization, authorization } from './endpoints/authorization.ts';
import { type ChunkedUploads, chunkedUploads } from './endpoints/chunked-uploads.ts';
import { type Uploads, uploads } from './endpoints/direct-uploads.ts';
import { type Downloads, downloads } from './endpoints/downloads.ts';
import { createEndpoint } from './endpoints/endpoint.ts';
import { type FileVersions, fileVersions } from './endpoints/file-versions.ts';
import { type Files, files } from './endpoints/files.ts';
import { type Folders, folders } from './endpoints/folders.ts';
import {
  type TrashedFiles,
  type TrashedFolders,
  type TrashedItems,
  trashedFiles,
  trashedFolders,
  trashedItems,
} from './endpoints/trash.ts';
import { type Users, users } from './endpoints/users.ts';
import type { StateStore } from './state.ts';
import { type TokenFunction, TokenSource } from './token-source.ts';
import type { Transport } from './transport.ts';
import type { UploadOptions, UploadResult } from './upload-options.ts';

export interface ClientOptions {
  /** A Partway server, such as `https://files.example.com`; Box (`https://api.box.com`); or separate addresses. */
  server: string | URL | Partial<Addresses>;
  /** An access token, or a function that returns one. It is called again when the server has refused the last token. */
  token: string | TokenFunction;
  /** A `fetch` to use instead of the platform's own transport. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Sent with every request, such as `{'as-user': '12'}`. */
  headers?: Record<string, string> | undefined;
  /**
   * For how long each call is retried while the server is down, in milliseconds. It applies once the server has responded
   * for the first time. By default, a call is retried four times (a few seconds). `uploadFile` has its own `patience`.
   */
  patience?: number | undefined;
  /** Called before a call is retried. `uploadFile` reports its retries as events instead. */
  onRetry?: ((retry: CallRetry) => void) | undefined;
  /** Where upload states are saved; false for nowhere. Default: the platform's own store. */
  store?: StateStore | false | undefined;
}

/** One method for each endpoint, named as in Box's SDKs, and `uploadFile`, which does a complete upload. */
export interface Client<Source> {
  readonly addresses: Addresses;
  readonly authorization: Authorization;
  readonly chunkedUploads: ChunkedUploads;
  readonly downloads: Downloads;
  readonly files: Files;
  readonly fileVersions: FileVersions;
  readonly folders: Folders;
  readonly trashedFiles: TrashedFiles;
  readonly trashedFolders: TrashedFolders;
  readonly trashedItems: TrashedItems;
  readonly uploads: Uploads;
  readonly users: Users;
  /** The states of uploads that can be resumed; undefined if none are saved. */
  readonly store: StateStore | undefined;

  /**
   * Uploads a file in parallel parts. Resolves once the server has verified its SHA-1 and created the file. To resume an
   * upload that was interrupted, call it again with the same arguments: only missing parts are sent.
   *
   * @throws ApiError if the server refuses the upload; TransportError if the server cannot be reached for longer than
   *   `patience`; UnexpectedResponse; SourceChangedError; the signal's reason.
   */
  uploadFile(source: Source, options?: UploadOptions): Promise<UploadResult>;

  /** Closes idle connections. The client can still be used afterwards. */
  close(): void;
}

/** What Node.js and browsers implement differently. */
interface Platform<Source> {
  transport: Transport;
  store: StateStore | undefined;
  uploadFile(client: Omit<Client<Source>, 'uploadFile'>, source: Source, options: UploadOptions): Promise<UploadResult>;
}

export function buildClient<Source>(options: ClientOptions, platform: Platform<Source>): Client<Source> {
  const { transport } = platform;
  const addresses = resolveAddresses(options.server);
  const caller = createCaller(transport, new TokenSource(options.token), {
    ownHeaders: options.headers ?? {},
    patience: options.patience,
    onRetry: options.onRetry,
  });
  const endpoint = createEndpoint(caller, addresses);
  const client = {
    addresses,
    authorization: authorization(endpoint),
    chunkedUploads: chunkedUploads(endpoint),
    downloads: downloads(endpoint),
    files: files(endpoint),
    fileVersions: fileVersions(endpoint),
    folders: folders(endpoint),
    trashedFiles: trashedFiles(endpoint),
    trashedFolders: trashedFolders(endpoint),
    trashedItems: trashedItems(endpoint),
    uploads: uploads(endpoint),
    users: users(endpoint),
    store: platform.store,
    close: () => transport.close(),
  };
  return { ...client, uploadFile: (source, uploadOptions = {}) => platform.uploadFile(client, source, uploadOptions) };
}
