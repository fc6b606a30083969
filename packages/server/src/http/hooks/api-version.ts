import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';

/** The API versions of Box that apply to the supported endpoints. 2025.0 and later only have other endpoints. */
const API_VERSIONS = ['2024.0'];

/**
 * Rejects a request for an unsupported API version, with Box's messages. Without a `box-version` header, the oldest
 * version applies, as in Box.
 */
export function checkApiVersion({ headers, routeOptions }: FastifyRequest, reply: FastifyReply): void {
  const { 'box-version': version } = headers;
  if (version === undefined || routeOptions.config.policy !== 'bearer') return;
  const text = String(version).trim();
  if (!API_VERSIONS.includes(text)) throw new ApiError('invalid_api_version', describeVersionFault(text));
  reply.header('box-version', text);
}

function describeVersionFault(version: string): string {
  if (version === '') return "Invalid (empty) API version specified in 'box-version' header.";
  if (version.includes(',')) return "The 'box-version' header supports only one value per request: do not use commas.";
  const supported = API_VERSIONS.join(', ');
  return `Invalid API version specified in 'box-version' header. Supported API versions: [${supported}].`;
}
