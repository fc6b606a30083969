import type { Call, Caller, CallOptions, Expected, ResponseError } from '../call.ts';
import { ApiError, UnexpectedResponse } from '../errors.ts';

/**
 * Expects the empty response of a deletion. After a lost response, an error that the item does not exist means success. If
 * a body came instead, such as a proxy's page, `checkDeleted` decides.
 */
export function deleteIdempotently(checkDeleted?: () => Promise<boolean>): Expected<unknown> {
  return {
    shape: 'nothing',
    async recover(error: ResponseError) {
      if (error instanceof UnexpectedResponse) return (await checkDeleted?.()) || undefined;
      return isNotFound(error) || undefined;
    },
  };
}

/** Whether the item at this URL is in the trash or does not exist. */
export async function isDeleted(caller: Caller, url: string, { signal, headers }: CallOptions): Promise<boolean> {
  const call: Call = { method: 'GET', url, query: { fields: ['item_status'] }, signal, headers };
  try {
    const { item_status: status } = await caller.json<{ item_status?: string }>(call, { shape: { id: 'id' } });
    return status === 'trashed' || status === 'deleted';
  } catch (error) {
    if (error instanceof ApiError && isNotFound(error)) return true;
    throw error;
  }
}

function isNotFound({ status, code }: ApiError): boolean {
  return status === 404 || status === 410 || code === 'trashed';
}
