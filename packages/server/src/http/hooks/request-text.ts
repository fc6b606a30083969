import { isStorableText, NOT_STORABLE } from '@partway/protocol/text';
import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api-error.ts';

/**
 * Refuses a value of JSON that has a text in it which only one of the two databases would take, be it a key or a value,
 * and says which field it is. Costs one look at each character; how deep the value is nested does not matter.
 */
export function checkTexts(value: unknown, subject: string): void {
  const waiting: [at: string, value: unknown][] = [['', value]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [at, found] = next;
    if (typeof found === 'string' && !isStorableText(found)) throw notStorable(at === '' ? subject : at);
    if (typeof found !== 'object' || found === null) continue;
    for (const [key, member] of Object.entries(found)) {
      if (!isStorableText(key)) throw notStorable(`the name of a field of ${at === '' ? subject : at}`);
      if (typeof member === 'string' || typeof member === 'object') {
        waiting.push([at === '' ? key : `${at}.${key}`, member]);
      }
    }
  }
}

/** Holds every query parameter of every route to the same. Those of addresses are ids, which are held to more. */
export function checkQueryTexts(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ query }) => checkTexts(query, 'the query'));
}

function notStorable(subject: string): ApiError {
  return new ApiError('bad_request', `${subject} ${NOT_STORABLE}.`);
}
