import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

/** A TCP connection in this state has had its client's FIN (net/tcp_states.h of Linux). */
const CLOSE_WAIT = '08';
const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];

/** A connection that is not being read, and how many bytes its request still needs; undefined if that is not known. */
export interface Unread {
  socket: Socket;
  missing: number | undefined;
}

interface Row {
  state: string;
  /** Bytes that have come and were not read. */
  waiting: number;
}

/**
 * Of connections that are not being read, those whose client is gone: reset, or closed with less to read than its request
 * needs. Nothing tells a process of that before it has read all that came first, which waits for a slow disk; Linux shows
 * it in a table. None where there is no such table.
 */
export async function departed(unread: readonly Unread[]): Promise<Socket[]> {
  if (unread.length === 0) return [];
  const rows = new Map<string, Row[]>();
  try {
    for (const table of TABLES) addRows(rows, await readFile(table, 'latin1'));
  } catch {
    return [];
  }
  return unread
    .filter(({ socket, missing }) => {
      if (socket.destroyed || socket.localPort === undefined) return false;
      // Two clients may have the same port at different addresses: then it is not known which is which.
      const [row, ...others] = rows.get(keyOf(socket.localPort, socket.remotePort)) ?? [];
      if (others.length > 0) return false;
      // The system forgets a connection that was reset.
      if (row === undefined) return true;
      return row.state === CLOSE_WAIT && missing !== undefined && row.waiting < missing;
    })
    .map(({ socket }) => socket);
}

/** Lines such as `3: 0100007F:1130 0100007F:9C40 08 00000000:00020000 …`: addresses, state, bytes to send and to read. */
function addRows(rows: Map<string, Row[]>, table: string): void {
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', remote = '', state = '', queues = ''] = line.trim().split(/\s+/, 5);
    if (state === '') continue;
    const key = keyOf(portOf(local), portOf(remote));
    const found = rows.get(key) ?? [];
    found.push({ state, waiting: Number.parseInt(queues.split(':')[1] ?? '0', 16) });
    rows.set(key, found);
  }
}

function portOf(address: string): number {
  return Number.parseInt(address.slice(address.indexOf(':') + 1), 16);
}

function keyOf(local: number, remote: number | undefined): string {
  return `${local} ${remote}`;
}
