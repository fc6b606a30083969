import type { FastifyReply, FastifyRequest } from 'fastify';

/** There is nobody left to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** A signal that is aborted when the connection closes before the response is sent, or before the whole request has come. */
export function untilClientLeaves({ raw: request }: FastifyRequest, { raw: response }: FastifyReply): AbortSignal {
  const left = new AbortController();
  const look = () => {
    const isUnfinished = (response.destroyed && !response.writableFinished) || (request.destroyed && !request.complete);
    if (isUnfinished) left.abort(new ClientGone('the client left before its response'));
  };
  request.once('close', look);
  response.once('close', look);
  look();
  return left.signal;
}
