import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TcpTable } from './tcp-table.ts';

/** The TCP state of a connection whose client has closed its side. */
const CLOSE_WAIT = '08';

/** A connection that is not being read. */
interface UnreadConnection {
  socket: Socket;
  /** Bytes of the request that have not arrived; undefined if unknown. */
  missing: number | undefined;
}

/**
 * Finds disconnected clients among connections that are not being read: connections that were reset, or that the client
 * has closed before it sent the whole request. A process learns that only after it has read everything that arrived
 * before, which can wait for a slow disk; Linux shows it in its TCP table
 * (docs/decisions/0094-find-disconnected-clients-in-linuxs-tcp-table.md). Returns an empty list on other systems.
 *
 * The table is not a snapshot: it can lack an existing connection while others open and close. Therefore a connection
 * must be missing twice.
 */
export async function findDisconnected<One extends UnreadConnection>(
  unread: readonly One[],
  readTable = () => TcpTable.read(),
): Promise<One[]> {
  let disconnected = [...unread];
  for (let check = 0; check < 2 && disconnected.length > 0; check++) {
    const table = await readTable();
    if (table === undefined) return [];
    disconnected = disconnected.filter((one) => isDisconnected(one, table));
  }
  return disconnected;
}

function isDisconnected({ socket, missing }: UnreadConnection, table: TcpTable): boolean {
  if (socket.destroyed) return false;
  const row = table.find(socket);
  if (row === 'unknown') return false;
  return row === undefined || (row.state === CLOSE_WAIT && missing !== undefined && row.unread < missing);
}

/** The client has disconnected, so no response can be sent. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
}

/** Creates a signal that is aborted if the connection closes before the request or the response is complete. */
export function createDisconnectSignal(
  { raw: request }: FastifyRequest,
  { raw: response }: FastifyReply,
  controller = new AbortController(),
): AbortSignal {
  const check = () => {
    const isUnfinished = (response.destroyed && !response.writableFinished) || (request.destroyed && !request.complete);
    if (isUnfinished) controller.abort(new ClientGoneError('The client disconnected before the response.'));
  };
  request.once('close', check);
  response.once('close', check);
  check();
  return controller.signal;
}
