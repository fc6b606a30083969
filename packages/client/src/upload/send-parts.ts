import type { UploadPart } from '@partway/protocol/schemas/upload-sessions';
import { SourceChangedError } from '../errors.ts';
import type { PartProgress } from '../upload-options.ts';
import type { OpenSession } from './open-session.ts';
import { PartSender } from './part-sender.ts';
import { Semaphore } from './semaphore.ts';
import { RestartUpload, sourceChangedError } from './session-errors.ts';
import type { PartReader } from './source.ts';
import type { UploadTask } from './upload.ts';

/**
 * Reads the source from its first byte to its last and sends the parts that are not stored, in the order of their offsets,
 * several at a time. What is stored already is read as well: it proves that the source is still the same, and the digest of
 * the whole needs it. Resolves with all parts, by offset.
 */
export async function sendParts(
  upload: UploadTask,
  { session, stored }: OpenSession,
  reader: PartReader,
  most: number,
): Promise<UploadPart[]> {
  const { meter, source } = upload;
  const stop = new AbortController();
  const signal = upload.signal === undefined ? stop.signal : AbortSignal.any([upload.signal, stop.signal]);
  const seats = new Semaphore(1);
  const sender = new PartSender(upload, session, {
    most,
    signal,
    // One is read while the others are sent; more would only lie in memory.
    onLimit: (limit) => {
      seats.count = Math.min(reader.mostHeld, limit + 1);
    },
  });
  const parts: UploadPart[] = [];
  const under: Promise<void>[] = [];

  /** What cannot be read any more may be another source by now. */
  async function reading<T>(read: Promise<T>): Promise<T> {
    try {
      return await read;
    } catch (error) {
      if (error instanceof SourceChangedError || (await source.isUnchanged())) throw error;
      throw sourceChangedError(source.identity.name, error);
    }
  }

  async function send(part: PartProgress, index: number): Promise<void> {
    const taken = await reading(reader.take(part.offset, part.size));
    meter.enter('sending');
    const sending = sender
      .send(part, taken)
      .then((done) => {
        parts[index] = done;
      })
      .finally(() => {
        taken.release();
        seats.leave();
      });
    // The first that fails for good stops the others; it is thrown when all have come to rest.
    under.push(sending.catch((error) => stop.abort(error)));
  }

  try {
    for (const [index, part] of meter.parts.entries()) {
      signal.throwIfAborted();
      const known = stored.get(part.offset);
      if (known === undefined) {
        await seats.take(signal);
        await send(part, index);
      } else {
        meter.enter('hashing');
        const sha1 = await reading(reader.skip(part.offset, part.size));
        if (known.sha1 !== sha1 || known.size !== part.size) throw changed(source.identity.name, part.offset);
        meter.stored(part, 'stored');
        parts[index] = known;
      }
    }
  } catch (error) {
    stop.abort(error);
  }
  await Promise.all(under);
  signal.throwIfAborted();
  return parts;
}

function changed(name: string, offset: number): RestartUpload {
  const message = `${name} has other bytes at ${offset} than those that were uploaded from there: it begins anew.`;
  return new RestartUpload('source-changed', message);
}
