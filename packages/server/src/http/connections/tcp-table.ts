import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];

/** A row of Linux's TCP table. */
interface TcpRow {
  /** Two hex digits, such as 08 if the client has closed its side (net/tcp_states.h in Linux). */
  state: string;
  /** Bytes passed to the system that the client has not acknowledged. */
  unacknowledged: number;
  /** Bytes received that the process has not read. */
  unread: number;
}

/** The TCP connections of this system, by ports. */
export class TcpTable {
  readonly #rows = new Map<string, TcpRow[]>();

  /** Reads the current table. Returns undefined if this system has none. */
  static async read(): Promise<TcpTable | undefined> {
    const table = new TcpTable();
    try {
      for (const path of TABLES) table.#add(await readFile(path, 'latin1'));
    } catch {
      return undefined;
    }
    return table;
  }

  /**
   * Finds the row of a connection. Returns `unknown` if it is ambiguous, because clients with different addresses can
   * use the same port. Returns undefined if there is none: a connection that was reset is removed from the table.
   */
  find(socket: Socket): TcpRow | 'unknown' | undefined {
    if (socket.localPort === undefined) return 'unknown';
    const rows = this.#rows.get(toKey(socket.localPort, socket.remotePort)) ?? [];
    return rows.length > 1 ? 'unknown' : rows[0];
  }

  /**
   * Adds rows such as `3: 0100007F:1130 0100007F:9C40 08 00000000:00020000 …`: addresses, state, unacknowledged and
   * unread bytes.
   */
  #add(table: string): void {
    for (const line of table.split('\n').slice(1)) {
      const [, local = '', remote = '', state = '', queues = ''] = line.trim().split(/\s+/, 5);
      if (state === '') continue;
      const [unacknowledged = '0', unread = '0'] = queues.split(':');
      const row = {
        state,
        unacknowledged: Number.parseInt(unacknowledged, 16),
        unread: Number.parseInt(unread, 16),
      };
      const key = toKey(parsePort(local), parsePort(remote));
      this.#rows.set(key, [...(this.#rows.get(key) ?? []), row]);
    }
  }
}

function parsePort(address: string): number {
  return Number.parseInt(address.slice(address.indexOf(':') + 1), 16);
}

function toKey(local: number, remote: number | undefined): string {
  return `${local} ${remote}`;
}
