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
 * Reads the source from start to end and sends the parts that are not stored, in the order of their offsets, several at a
 * time. Stored parts are read too, to verify that the source has not changed and to hash the whole file. Resolves with all
 * parts, ordered by offset.
 */
export async function sendParts(
  upload: UploadTask,
  { session, stored }: OpenSession,
  reader: PartReader,
  maxRequests: number,
): Promise<UploadPart[]> {
  const { meter, source } = upload;
  const stop = new AbortController();
  const signal = upload.signal === undefined ? stop.signal : AbortSignal.any([upload.signal, stop.signal]);
  const readAhead = new Semaphore(1);
  const sender = new PartSender(upload, session, {
    maxRequests,
    signal,
    // One part is read while the others are sent. More would only use memory.
    onLimit: (limit) => {
      readAhead.limit = Math.min(reader.maxUnreleased, limit + 1);
    },
  });
  const parts: UploadPart[] = [];
  const pending: Promise<void>[] = [];

  /** If reading fails, the source may have changed. */
  async function guardRead<T>(read: Promise<T>): Promise<T> {
    try {
      return await read;
    } catch (error) {
      if (error instanceof SourceChangedError || (await source.isUnchanged())) throw error;
      throw sourceChangedError(source.identity.name, error);
    }
  }

  async function send(part: PartProgress, index: number): Promise<void> {
    const data = await guardRead(reader.readPart(part.offset, part.size));
    meter.setPhase('sending');
    const sending = sender
      .send(part, data)
      .then((done) => {
        parts[index] = done;
      })
      .finally(() => {
        data.release();
        readAhead.release();
      });
    // The first permanent failure stops the other parts. It is thrown when all have ended.
    pending.push(sending.catch((error) => stop.abort(error)));
  }

  try {
    for (const [index, part] of meter.parts.entries()) {
      signal.throwIfAborted();
      const storedPart = stored.get(part.offset);
      if (storedPart === undefined) {
        await readAhead.acquire(signal);
        await send(part, index);
      } else {
        meter.setPhase('hashing');
        const sha1 = await guardRead(reader.hashPart(part.offset, part.size));
        if (storedPart.sha1 !== sha1 || storedPart.size !== part.size)
          throw partChangedError(source.identity.name, part.offset);
        meter.recordStored(part, 'stored');
        parts[index] = storedPart;
      }
    }
  } catch (error) {
    stop.abort(error);
  }
  await Promise.all(pending);
  signal.throwIfAborted();
  return parts;
}

function partChangedError(name: string, offset: number): RestartUpload {
  const message = `${name} differs from the uploaded part at byte ${offset}: starting from scratch.`;
  return new RestartUpload('source-changed', message);
}
