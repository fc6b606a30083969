import type { CallOptions } from '../call.ts';
import type { Client } from '../client.ts';
import type { StateStore } from '../state.ts';
import type { UploadEvent, UploadOptions } from '../upload-options.ts';
import type { ContentAttributes } from './content-attributes.ts';
import type { ProgressMeter } from './progress.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { UploadSource } from './source.ts';

/** What uploads need of a client. */
export type UploadClient = Pick<
  Client<never>,
  'addresses' | 'chunkedUploads' | 'files' | 'folders' | 'store' | 'uploads'
>;

/** One call of `uploadFile`, in the hands of those who do its steps. */
export interface UploadTask {
  client: UploadClient;
  source: UploadSource;
  /** Bytes. */
  size: number;
  target: Target;
  options: UploadOptions;
  store: StateStore | undefined;
  /** Under which the store has its state. */
  key: string;
  meter: ProgressMeter;
  /** What it says of the file beside its bytes. */
  attributes: ContentAttributes;
  budget: RetryBudget;
  signal: AbortSignal | undefined;
  /** Of calls that only ask how things stand: they wait for a server that is away as long as the upload does. */
  queryOptions: CallOptions;
  emit(event: UploadEvent): void;
}

/** Where the file goes. */
export type Target = { folderId: string; name: string } | { fileId: string; name: string | undefined };

export function isNewFile(target: Target): target is { folderId: string; name: string } {
  return 'folderId' in target;
}
