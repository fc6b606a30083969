import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api-error.ts';

/** Box's versions of the calls that are here. 2025.0 and later are of calls that are not. */
const API_VERSIONS = ['2024.0'];

/**
 * Refuses calls of the API for a version that is not offered, in Box's words, instead of answering in another form than
 * the client expects. Without a `box-version` header the first version is meant, as Box has it.
 */
export function checkApiVersion(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ headers, routeOptions }, reply) => {
    const { 'box-version': version } = headers;
    if (version === undefined || routeOptions.config.policy !== 'bearer') return;
    const text = String(version).trim();
    if (!API_VERSIONS.includes(text)) throw new ApiError('invalid_api_version', describeVersionFault(text));
    reply.header('box-version', text);
  });
}

function describeVersionFault(version: string): string {
  if (version === '') return "Invalid (empty) API version specified in 'box-version' header.";
  if (version.includes(',')) return "The 'box-version' header supports only one value per request: do not use commas.";
  const offered = API_VERSIONS.join(', ');
  return `Invalid API version specified in 'box-version' header. Supported API versions: [${offered}].`;
}
