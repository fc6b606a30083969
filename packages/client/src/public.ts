/** The exports that the Node.js and browser builds share. */

export type { FileObject, FileWithAllFields } from '@partway/protocol/schemas/files';
export type { FolderObject, FolderWithAllFields } from '@partway/protocol/schemas/folders';
export type { ItemList, ListedFile, ListedFolder } from '@partway/protocol/schemas/item-list';
export type { AccessToken } from '@partway/protocol/schemas/oauth';
export type { UploadPart, UploadParts, UploadSession } from '@partway/protocol/schemas/upload-sessions';
export type { UserObject } from '@partway/protocol/schemas/users';
export type { FileVersionObject } from '@partway/protocol/schemas/versions';
export type { Addresses } from './addresses.ts';
export type { CallOptions, CallRetry } from './call.ts';
export type { Client, ClientOptions } from './client.ts';
export type { CommitHeaders, Committed, PartHeaders, PartOptions } from './endpoints/chunked-uploads.ts';
export type { DirectUpload, DirectUploadOptions } from './endpoints/direct-uploads.ts';
export type { Download, DownloadOptions } from './endpoints/downloads.ts';
export type { PageQuery, QueryOptions } from './endpoints/endpoint.ts';
export type { ItemPage, ItemWith } from './endpoints/folders.ts';
export { ApiError, SourceChangedError, UnexpectedResponse } from './errors.ts';
export type { NamedItem } from './find-by-name.ts';
export type { SourceIdentity, StateStore, UploadState } from './state.ts';
export { memoryStateStore } from './state.ts';
export type { TokenFunction } from './token-source.ts';
export { type RequestBody, type StreamedBody, TransportError } from './transport.ts';
export type {
  ConflictPolicy,
  PartProgress,
  PartState,
  RestartReason,
  UploadEvent,
  UploadOptions,
  UploadProgress,
  UploadResult,
} from './upload-options.ts';
