import { Refusal } from '@partway/protocol/errors';
import type { FastifyInstance } from 'fastify';

/** What an address may hold (RFC 3986): everything else is percent-encoded. */
const ASCII = /^[\x21-\x7e]*$/;

/**
 * Refuses addresses whose query is not UTF-8, percent-encoded. Left to the parser it would be replaced or passed on as it
 * is, so that a client would be answered about another text than it means.
 */
export function refuseUndecodableQueries(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ url }) => {
    if (!ASCII.test(url)) throw new Refusal('bad_request', 'The address is not ASCII: percent-encode its UTF-8.');
    const start = url.indexOf('?');
    if (start >= 0) checkPercentEncoding(url.slice(start + 1), 'The query');
  });
}

/** The pairs of a form or a query, in which every byte means what it was sent as. */
export function parseForm(text: string, subject: string): URLSearchParams {
  checkPercentEncoding(text, subject);
  return new URLSearchParams(text);
}

function checkPercentEncoding(text: string, subject: string): void {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch (error) {
    throw new Refusal('bad_request', `${subject} is not UTF-8, percent-encoded: write a percent sign as %25.`, {
      cause: error,
    });
  }
  if (!decoded.isWellFormed()) throw new Refusal('bad_request', `${subject} holds half of a surrogate pair.`);
}
