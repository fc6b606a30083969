import type { UploadState } from '../state.ts';
import type { UploadTask } from './upload.ts';

/** Keeps the state. An upload goes on where that fails, but says that it cannot be resumed. */
export async function rememberState({ store, emit }: UploadTask, state: UploadState): Promise<void> {
  try {
    await store?.set(state);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    emit({ type: 'not-kept', error, message: `If this upload stops, it cannot be resumed: ${why}` });
  }
}

/** What an earlier run left, if that can be read. */
export async function recallState({ store, key, emit }: UploadTask): Promise<UploadState | undefined> {
  try {
    return await store?.get(key);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    emit({ type: 'not-kept', error, message: `What an earlier run may have left cannot be read: ${why}` });
    return undefined;
  }
}

export async function forgetState({ store, key }: UploadTask): Promise<void> {
  // A state that stays is of a session that is gone, and says so when it is used.
  await store?.delete(key).catch(() => {});
}
