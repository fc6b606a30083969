import type { Socket } from 'node:net';
import { TcpTable } from './tcp-table.ts';

/** The state of a connection that has had its client's FIN. */
const CLOSE_WAIT = '08';

/** A connection that is not being read, and how many bytes its request still needs; undefined if that is not known. */
export interface Unread {
  socket: Socket;
  missing: number | undefined;
}

/**
 * Of connections that are not being read, those whose client is gone: reset, or closed with less to read than its request
 * needs. Nothing tells a process of that before it has read all that came first, which waits for a slow disk; Linux shows
 * it in a table. None where there is no such table.
 */
export async function departed(unread: readonly Unread[]): Promise<Socket[]> {
  if (unread.length === 0) return [];
  const table = await TcpTable.read();
  if (table === undefined) return [];
  return unread
    .filter(({ socket, missing }) => {
      if (socket.destroyed) return false;
      const row = table.find(socket);
      if (row === 'unknown') return false;
      return row === undefined || (row.state === CLOSE_WAIT && missing !== undefined && row.toRead < missing);
    })
    .map(({ socket }) => socket);
}
