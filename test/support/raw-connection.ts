import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type RawResponse, readResponses } from './responses.ts';
import { until } from './until.ts';

/** A connection on which a test sends every byte itself. */
export class RawConnection {
  readonly socket: Socket;
  readonly #received: Buffer[] = [];
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#received.push(chunk));
    socket.on('error', (error) => {
      this.#failure = error;
    });
  }

  static async open({ url }: { url: string }): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  /** Everything received so far. */
  get bytes(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** The error that broke the connection, if any. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Resolves when the bytes have been passed to the system. */
  async send(bytes: string | Uint8Array): Promise<void> {
    await new Promise((resolve) => this.socket.write(bytes, resolve));
  }

  /** Ends the sending side; can still read. */
  finish(): void {
    this.socket.end();
  }

  /** Resolves when this many complete responses have been received, and returns all of them. */
  async responses(count: number, methods: readonly string[] = []): Promise<RawResponse[]> {
    await until(
      () => readResponses(this.bytes, methods, { allowIncomplete: true }).length >= count || this.socket.closed,
    );
    return readResponses(this.bytes, methods);
  }

  /** Resolves when the server has closed the connection, and returns everything that it sent. */
  async closed(methods: readonly string[] = []): Promise<RawResponse[]> {
    await until(() => this.socket.readableEnded || this.socket.closed);
    this.socket.destroy();
    return readResponses(this.bytes, methods);
  }
}

/** A request as it is sent over the wire. */
export function rawRequest(line: string, headers: readonly string[] = [], body = ''): string {
  return `${[`${line} HTTP/1.1`, 'host: files.example', ...headers].join('\r\n')}\r\n\r\n${body}`;
}
