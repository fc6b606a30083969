import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import type { Native } from '@partway/native/native';
import { handOverBody } from '../http/connections/body-handover.ts';
import { receiveInPlace } from '../storage/disk/receive-in-place.ts';
import { withTimeout } from '../util/timeout.ts';

const BODY_BYTES = 1024 * 1024;
const TIMEOUT_MILLIS = 5_000;

/**
 * Checks whether bodies can be received natively in this version of Node.js, on a connection to this process: a body is
 * handed over, received and hashed, and the request behind it on the same connection is answered.
 * @param folder Where a file can be written.
 * @returns The problem, if there is one.
 */
export async function findHandoverProblem(native: Native, folder: string): Promise<string | undefined> {
  const path = join(folder, `handover-test-${process.pid}`);
  const file = await open(path, 'wx+', 0o600);
  await rm(path);
  const server = createTestServer(native, file);
  try {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    return await withTimeout(tryHandover(port, file), TIMEOUT_MILLIS, () => 'there was no response');
  } catch (error) {
    return String(error);
  } finally {
    server.close();
    server.closeAllConnections();
    await file.close();
  }
}

function createTestServer(native: Native, file: FileHandle): Server {
  return createServer(async (request, response) => {
    if (request.method === 'GET') {
      response.end('the next request');
      return;
    }
    try {
      const body = await handOverBody(request);
      if (body === undefined) throw new Error('this version of Node.js is not supported');
      const hash = native.createHash();
      await receiveInPlace(native, { fd: file.fd, position: 0, length: BODY_BYTES }, body, { hash, signals: [] });
      response.end(native.digest(hash));
    } catch (error) {
      response.end(`failed: ${error}`);
    }
  });
}

async function tryHandover(port: number, file: FileHandle): Promise<string | undefined> {
  const bytes = randomBytes(BODY_BYTES);
  const digest = createHash('sha1').update(bytes).digest('hex');
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write(`PUT / HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${bytes.length}\r\n\r\n`);
    socket.write(bytes);
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    let text = '';
    for await (const chunk of socket.setEncoding('latin1')) {
      text += chunk;
      if (text.includes('failed')) return text.slice(text.indexOf('failed'));
      if (text.endsWith('the next request')) break;
    }
    if (!text.includes(digest)) return 'the digest is wrong';
    const written = Buffer.alloc(bytes.length);
    await file.read(written, 0, bytes.length, 0);
    return written.equals(bytes) ? undefined : 'the file has other bytes';
  } finally {
    socket.destroy();
  }
}
