import { type Addresses, addressesOf } from './addresses.ts';
import { type CallRetry, makeCaller } from './call.ts';
import { type Authorization, authorization } from './endpoints/authorization.ts';
import { type ChunkedUploads, chunkedUploads } from './endpoints/chunked-uploads.ts';
import { type Uploads, uploads } from './endpoints/direct-uploads.ts';
import { type Downloads, downloads } from './endpoints/downloads.ts';
import { endpointOf } from './endpoints/endpoint.ts';
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
  /** A Partway server such as `https://files.example.com`, Box (`https://api.box.com`), or each address by itself. */
  server: string | URL | Partial<Addresses>;
  /** An access token, or a function that gives one; that is asked again when the server has refused its last one. */
  token: string | TokenFunction;
  /** A `fetch` to use instead of the platform's own way to a server. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Sent with every request, such as `{'as-user': '12'}`. */
  headers?: Record<string, string> | undefined;
  /**
   * For how long each call is tried again while the server is away, in milliseconds, once it has answered at all; four
   * times (a few seconds) unless set. `uploadFile` has a patience of its own.
   */
  patience?: number | undefined;
  /** Told before a call is tried again. What `uploadFile` tries again it tells by its own events. */
  onRetry?: ((retry: CallRetry) => void) | undefined;
  /** Where states of uploads are kept; false for nowhere. The platform's own store unless set. */
  store?: StateStore | false | undefined;
}

/** One method an endpoint, named as in Box's SDKs; and `uploadFile`, which does all that an upload takes. */
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
  /** The states of uploads that can be resumed; undefined where none are kept. */
  readonly store: StateStore | undefined;

  /**
   * Uploads a file in parallel parts and resolves once the server has it, proven by its SHA-1. Called again after it was
   * stopped, by whatever, it sends what is missing.
   *
   * @throws ApiError what the server refused; TransportError where it could not be reached for longer than `patience`;
   *   SourceChangedError; the signal's reason.
   */
  uploadFile(source: Source, options?: UploadOptions): Promise<UploadResult>;

  /** Lets go of idle connections. A client can be used again afterwards. */
  close(): void;
}

/** What a platform brings along. */
interface Platform<Source> {
  transport: Transport;
  store: StateStore | undefined;
  uploadFile(client: Omit<Client<Source>, 'uploadFile'>, source: Source, options: UploadOptions): Promise<UploadResult>;
}

export function makeClient<Source>(options: ClientOptions, platform: Platform<Source>): Client<Source> {
  const { transport } = platform;
  const addresses = addressesOf(options.server);
  const caller = makeCaller(transport, new TokenSource(options.token), {
    ownHeaders: options.headers ?? {},
    patience: options.patience,
    onRetry: options.onRetry,
  });
  const endpoint = endpointOf(caller, addresses);
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
  return { ...client, uploadFile: (source, given = {}) => platform.uploadFile(client, source, given) };
}
