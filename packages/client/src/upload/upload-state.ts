import type { UploadState } from '../state.ts';
import type { UploadTask } from './upload.ts';

/** Saves the state. If that fails, the upload continues, and an event says that it cannot be resumed. */
export async function saveState({ store, emit }: UploadTask, state: UploadState): Promise<void> {
  try {
    await store?.set(state);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    emit({ type: 'not-kept', error, message: `The state was not saved, so this upload cannot be resumed: ${why}` });
  }
}

/** Loads the state of an earlier run. Resolves with undefined if there is none or it cannot be read. */
export async function loadState({ store, key, emit }: UploadTask): Promise<UploadState | undefined> {
  try {
    return await store?.get(key);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    emit({ type: 'not-kept', error, message: `The saved state of an earlier run cannot be read: ${why}` });
    return undefined;
  }
}

export async function deleteState({ store, key }: UploadTask): Promise<void> {
  // If it fails, the state refers to a session that is gone, which the next upload detects.
  await store?.delete(key).catch(() => {});
}
