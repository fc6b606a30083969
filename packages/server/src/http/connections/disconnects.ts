import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TcpTable } from './tcp-table.ts';

/** The state of a connection that has had its client's FIN. */
const CLOSE_WAIT = '08';

/** A connection that is not being read, and how many bytes its request still needs; undefined if that is not known. */
interface UnreadConnection {
  socket: Socket;
  missing: number | undefined;
}

/**
 * Of connections that are not being read, those whose client is gone: reset, or closed with less to read than its request
 * needs. Nothing tells a process of that before it has read all that came first, which waits for a slow disk; Linux shows
 * it in a table. None where there is no such table.
 *
 * The table is not read in one moment, and while connections come and go, it may leave out one that is there: only what is
 * missing twice is gone.
 */
export async function findDisconnected<One extends UnreadConnection>(
  unread: readonly One[],
  readTable = () => TcpTable.read(),
): Promise<One[]> {
  let gone = [...unread];
  for (let look = 0; look < 2 && gone.length > 0; look++) {
    const table = await readTable();
    if (table === undefined) return [];
    gone = gone.filter((one) => isDisconnected(one, table));
  }
  return gone;
}

function isDisconnected({ socket, missing }: UnreadConnection, table: TcpTable): boolean {
  if (socket.destroyed) return false;
  const row = table.find(socket);
  if (row === 'unknown') return false;
  return row === undefined || (row.state === CLOSE_WAIT && missing !== undefined && row.unread < missing);
}

/** There is nobody left to answer. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGone';
}

/** A signal that is aborted when the connection closes before the response is sent, or before the whole request has come. */
export function createDisconnectSignal({ raw: request }: FastifyRequest, { raw: response }: FastifyReply): AbortSignal {
  const left = new AbortController();
  const look = () => {
    const isUnfinished = (response.destroyed && !response.writableFinished) || (request.destroyed && !request.complete);
    if (isUnfinished) left.abort(new ClientGoneError('the client left before its response'));
  };
  request.once('close', look);
  response.once('close', look);
  look();
  return left.signal;
}
