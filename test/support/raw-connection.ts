import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type RawResponse, readResponses } from './responses.ts';
import { until } from './until.ts';

/** A connection on which a test says every byte. */
export class RawConnection {
  readonly socket: Socket;
  readonly #came: Buffer[] = [];
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#came.push(chunk));
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

  /** All that has come so far. */
  get bytes(): Buffer {
    return Buffer.concat(this.#came);
  }

  /** What broke the connection, if anything has. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Resolves once the bytes are on their way. */
  async send(bytes: string | Uint8Array): Promise<void> {
    await new Promise((resolve) => this.socket.write(bytes, resolve));
  }

  /** Says that no more will come; still reads. */
  finish(): void {
    this.socket.end();
  }

  /** Resolves once this many whole responses have come, and gives them all. */
  async responses(count: number, methods: readonly string[] = []): Promise<RawResponse[]> {
    await until(() => readResponses(this.bytes, methods, { cut: true }).length >= count || this.socket.closed);
    return readResponses(this.bytes, methods);
  }

  /** Resolves once the server has closed the connection, and gives all that it sent. */
  async closed(methods: readonly string[] = []): Promise<RawResponse[]> {
    await until(() => this.socket.readableEnded || this.socket.closed);
    this.socket.destroy();
    return readResponses(this.bytes, methods);
  }
}

/** A request as it stands on the wire. */
export function rawRequest(line: string, headers: readonly string[] = [], body = ''): string {
  return `${[`${line} HTTP/1.1`, 'host: files.example', ...headers].join('\r\n')}\r\n\r\n${body}`;
}
