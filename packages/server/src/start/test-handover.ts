import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import type { Native } from '@partway/native/native';
import { handOverBody } from '../http/connections/body-handover.ts';
import { FileResponse } from '../http/connections/file-response.ts';
import { ByteBudget } from '../storage/byte-budget.ts';
import { FileReader } from '../storage/disk/file-reader.ts';
import { receiveInPlace } from '../storage/disk/receive-in-place.ts';
import { withTimeout } from '../util/timeout.ts';

const BODY_BYTES = 1024 * 1024;
const TIMEOUT_MILLIS = 5_000;

/**
 * Checks whether connections can be handed over in this version of Node.js, with a connection to this process: a body is
 * received and hashed natively, and the request behind it on the same connection gets the same bytes natively.
 * @param folder Where a file can be written.
 * @returns The problem, if there is one.
 */
export async function findHandoverProblem(native: Native, folder: string): Promise<string | undefined> {
  try {
    const path = join(folder, `handover-test-${process.pid}`);
    await using file = await open(path, 'wx+', 0o600);
    await rm(path);
    return await testWith(native, file);
  } catch (error) {
    return String(error);
  }
}

async function testWith(native: Native, file: FileHandle): Promise<string | undefined> {
  let failure: unknown;
  const server = createTestServer(native, file, (error) => {
    failure = error;
  });
  try {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    return await withTimeout(tryHandover(port), TIMEOUT_MILLIS, () => 'there was no response');
  } catch (error) {
    throw failure ?? error;
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

function createTestServer(native: Native, file: FileHandle, onError: (error: unknown) => void): Server {
  return createServer(async (request, response) => {
    try {
      if (request.method === 'GET') return await sendFile(native, file, response);
      const body = await handOverBody(request);
      if (body === undefined) throw new Error('this version of Node.js is not supported');
      const hash = native.createHash();
      await receiveInPlace(native, { fd: file.fd, position: 0, length: BODY_BYTES }, body, { hash, signals: [] });
      response.end(native.digest(hash));
    } catch (error) {
      onError(error);
      request.socket.destroy();
    }
  });
}

async function sendFile(native: Native, { fd }: FileHandle, response: ServerResponse): Promise<void> {
  // The file has no name any more.
  const file = await open(`/proc/self/fd/${fd}`, 'r');
  const bytes = new FileReader(file, { first: 0, last: BODY_BYTES - 1 }, { budget: new ByteBudget(0), native });
  response.setHeader('content-length', BODY_BYTES);
  new FileResponse(bytes, { length: BODY_BYTES, canHandOver: true }).pipe(response);
}

async function tryHandover(port: number): Promise<string | undefined> {
  const bytes = randomBytes(BODY_BYTES);
  const digest = createHash('sha1').update(bytes).digest('hex');
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write(`PUT / HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${bytes.length}\r\n\r\n`);
    socket.write(bytes);
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    const responses = Buffer.concat(await socket.toArray());
    const first = responses.subarray(0, responses.indexOf('HTTP/1.1', 1)).toString('latin1');
    if (!first.endsWith(digest)) throw new Error('the digest is wrong');
    return responses.subarray(-bytes.length).equals(bytes) ? undefined : 'the file was not sent as it was received';
  } finally {
    socket.destroy();
  }
}
