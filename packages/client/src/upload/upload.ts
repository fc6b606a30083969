import type { CallOptions } from '../call.ts';
import type { Client } from '../client.ts';
import type { StateStore } from '../state.ts';
import type { UploadEvent, UploadOptions } from '../upload-options.ts';
import type { ContentAttributes } from './content-attributes.ts';
import type { ProgressMeter } from './progress.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { UploadSource } from './source.ts';

/** The part of a client that uploads use. */
export type UploadClient = Pick<
  Client<never>,
  'addresses' | 'chunkedUploads' | 'files' | 'folders' | 'store' | 'uploads'
>;

/** The context of one `uploadFile` call, shared by its steps. */
export interface UploadTask {
  client: UploadClient;
  source: UploadSource;
  /** Bytes. */
  size: number;
  target: Target;
  options: UploadOptions;
  store: StateStore | undefined;
  /** The key of its state in the store. */
  key: string;
  meter: ProgressMeter;
  attributes: ContentAttributes;
  budget: RetryBudget;
  signal: AbortSignal | undefined;
  /** Options for queries. They wait as long as the upload does for a server that is down. */
  queryOptions: CallOptions;
  emit(event: UploadEvent): void;
}

/** A new file in a folder, or a new version of a file. */
export type Target = { folderId: string; name: string } | { fileId: string; name: string | undefined };

export function isNewFile(target: Target): target is { folderId: string; name: string } {
  return 'folderId' in target;
}
