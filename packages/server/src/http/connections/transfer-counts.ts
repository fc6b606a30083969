import type { Socket } from 'node:net';
import type { SocketTransfer } from '../../storage/blob-store.ts';

/** The bytes that jobs of native threads have moved on connections, in one direction, and the jobs in progress. */
export class TransferCounts {
  readonly #counts = new WeakMap<Socket, { past: number; current: SocketTransfer | undefined }>();

  /** The bytes moved by all jobs so far. */
  total(socket: Socket): number {
    const { past = 0, current } = this.#counts.get(socket) ?? {};
    return past + (current?.moved ?? 0);
  }

  /** The job in progress. */
  current(socket: Socket): SocketTransfer | undefined {
    return this.#counts.get(socket)?.current;
  }

  start(socket: Socket, transfer: SocketTransfer): void {
    const counts = this.#counts.get(socket) ?? { past: 0, current: undefined };
    counts.current = transfer;
    this.#counts.set(socket, counts);
  }

  /** Ends the job in progress, and returns the bytes that it has moved. */
  end(socket: Socket): number {
    const counts = this.#counts.get(socket);
    const moved = counts?.current?.moved ?? 0;
    if (counts !== undefined) Object.assign(counts, { past: counts.past + moved, current: undefined });
    return moved;
  }
}
