import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ItemRow } from '../../database/schema.ts';
import { namesEtag } from '../../files/update-item.ts';

/** Whether the client has this state of the item already; the reply is then 304, empty. */
export function hasAlready(request: FastifyRequest, item: ItemRow): boolean {
  const header = request.headers['if-none-match'];
  return header !== undefined && namesEtag(header, item.etag);
}

export function notModified(reply: FastifyReply): FastifyReply {
  return reply.code(304).send();
}
