import type { FileRange, Native, NativeHash, Transfer } from '@partway/native/native';
import { errorCode } from '../../util/system-error.ts';
import type { SocketBody } from '../blob-store.ts';
import { diskError } from './errors.ts';

/** Errors that mean that the connection has ended, and not that the file cannot be written. */
const DISCONNECTED: ReadonlySet<unknown> = new Set(['EOF', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOTCONN']);

interface ReceiveOptions {
  /** Gets the bytes, if there is one. */
  hash?: NativeHash | undefined;
  /** Another hash to which the bytes are added. */
  second?: NativeHash | undefined;
  /** Ends it early, with its reason. */
  signals: readonly AbortSignal[];
}

/**
 * Receives the rest of a body from its connection and writes it into a range of the file, whose length it must have, on
 * native threads. When the promise settles, no write is in progress, and Node.js reads from the connection again.
 */
export async function receiveInPlace(
  native: Native,
  { fd, position, length }: FileRange,
  body: SocketBody,
  { hash, second, signals }: ReceiveOptions,
): Promise<void> {
  const signal = AbortSignal.any([...signals]);
  let transfer: Transfer | undefined;
  const cancel = () => transfer?.cancel();
  signal.addEventListener('abort', cancel);
  try {
    const total = body.head.length + body.length;
    if (total !== length) throw new RangeError(`The body has ${total} bytes, and its range ${length}.`);
    if (body.head.length > 0) await native.write({ fd, position }, [body.head], hash, second);
    signal.throwIfAborted();
    if (body.length > 0) {
      const place = { fd, position: position + body.head.length, length: body.length };
      transfer = native.receive(body, place, hash, second);
      body.follow(transfer);
      await transfer.done;
    }
  } catch (error) {
    body.release();
    if (signal.aborted) throw signal.reason;
    throw DISCONNECTED.has(errorCode(error)) ? await body.disconnected() : diskError(error);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
  body.release();
}
