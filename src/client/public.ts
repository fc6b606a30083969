/** What both entries of the library export. */

export type { FileObject, FileWithAllFields } from '../api/schemas/file-object.ts';
export type { FolderObject, FolderWithAllFields } from '../api/schemas/folder-object.ts';
export type { ItemList, ListedFile, ListedFolder } from '../api/schemas/item-list.ts';
export type { AccessToken } from '../api/schemas/token-object.ts';
export type { UploadPart, UploadParts, UploadSession } from '../api/schemas/upload-sessions.ts';
export type { UserObject } from '../api/schemas/user-object.ts';
export type { FileVersionObject } from '../api/schemas/version-object.ts';
export type { Addresses } from './addresses.ts';
export { ApiError } from './api-error.ts';
export type { CallOptions, CallRetry } from './call.ts';
export type { Client, ClientOptions } from './client.ts';
export type { CommitHeaders, Committed, PartHeaders, PartOptions } from './endpoints/chunked-uploads.ts';
export type { Download, DownloadOptions } from './endpoints/downloads.ts';
export type { PageQuery, QueryOptions } from './endpoints/endpoint.ts';
export type { ItemPage, ItemWith } from './endpoints/folders.ts';
export type { DirectUpload, DirectUploadOptions } from './endpoints/uploads.ts';
export type { NamedItem } from './find-by-name.ts';
export { memoryStateStore } from './memory-state-store.ts';
export { SourceChangedError } from './source-changed-error.ts';
export type { SourceIdentity, StateStore, UploadState } from './state.ts';
export type { TokenFunction } from './token-source.ts';
export { type RequestBody, type StreamedBody, TransportError } from './transport.ts';
export { UnexpectedAnswer } from './unexpected-answer.ts';
export type { RestartReason, UploadEvent } from './upload-events.ts';
export type { ConflictPolicy, UploadOptions, UploadResult } from './upload-options.ts';
export type { PartProgress, PartState, UploadProgress } from './upload-progress.ts';
