export async function* chunks(bytes: Uint8Array, chunkSize: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkSize) yield bytes.slice(at, at + chunkSize);
}

/** A file in memory whose writes each take a turn of the event loop. */
export function memoryFile(length: number, onWrite = () => {}) {
  const file = {
    bytes: new Uint8Array(length),
    writes: [] as number[],
    received: 0,
    done: 0,
    async writev(buffers: Uint8Array[], position: number) {
      onWrite();
      await new Promise(setImmediate);
      file.bytes.set(Buffer.concat(buffers), position);
      file.writes.push(size(buffers));
      file.done += size(buffers);
      return { bytesWritten: size(buffers) };
    },
  };
  return file;
}

export function size(buffers: Uint8Array[]): number {
  return buffers.reduce((sum, buffer) => sum + buffer.length, 0);
}
