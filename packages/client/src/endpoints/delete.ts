import type { Call, Caller, CallOptions, Expected, Outcome } from '../call.ts';
import { ApiError, UnexpectedResponse } from '../errors.ts';

/**
 * What a deletion expects: an empty answer. After a lost one, a refusal because the item is not there any more means that
 * it was done; where a body came instead (a proxy's page), `isNotFound` asks.
 */
export function deleteIdempotently(isGone?: () => Promise<boolean>): Expected<unknown> {
  return {
    shape: 'nothing',
    async settle(outcome: Outcome) {
      if (outcome instanceof UnexpectedResponse) return (await isGone?.()) || undefined;
      return isMissing(outcome) || undefined;
    },
  };
}

/** Whether the item at this address is in the trash or not there at all. */
export async function isGone(caller: Caller, url: string, { signal, headers }: CallOptions): Promise<boolean> {
  const call: Call = { method: 'GET', url, query: { fields: ['item_status'] }, signal, headers };
  try {
    const { item_status: status } = await caller.json<{ item_status?: string }>(call, { shape: { id: 'string' } });
    return status === 'trashed' || status === 'deleted';
  } catch (error) {
    if (error instanceof ApiError && isMissing(error)) return true;
    throw error;
  }
}

function isMissing({ status, code }: ApiError): boolean {
  return status === 404 || status === 410 || code === 'trashed';
}
