import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { type SeededRandom, seededRandom } from '../faults/seeded-random.ts';
import { WireClient } from '../faults/wire-client.ts';
import { seededBytes, sha1Base64 } from '../support/bytes.ts';
import { noNative } from '../support/native.ts';
import { RawConnection, rawRequest } from '../support/raw-connection.ts';
import { startServer, type TestServer } from '../support/server.ts';

const COUNT = Number(process.env.PARTWAY_TEST_UPLOADS ?? 10);
const SEED = Number(process.env.PARTWAY_TEST_SEED ?? randomInt(2 ** 31));
const PART = 65_536;
const MAX_PARTS = 24;
const AT_ONCE = 3;

/** One upload, with everything that is random about it. */
interface Plan {
  number: number;
  bytes: Buffer;
  /** Indexes of parts, in the order in which they are sent. Some are sent twice. */
  order: number[];
  connections: number;
  random: SeededRandom;
}

for (const path of ['fd', 'chunks', 'off']) {
  const skip = path === 'off' ? false : noNative;
  test(`${COUNT} files in parts of any order, in any pieces, with broken attempts, become the files that were sent with PARTWAY_NATIVE=${path} (seed ${SEED})`, {
    skip,
  }, async () => {
    const env = { PARTWAY_NATIVE: path, PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '1' };
    await using server = await startServer({ env });
    let next = 0;
    const players = Array.from({ length: AT_ONCE }, async () => {
      while (next < COUNT) {
        const plan = createPlan(next++);
        await upload(server, plan).catch((error: Error) => {
          throw new Error(`seed ${SEED}, upload ${plan.number}: ${error.message}`, { cause: error });
        });
      }
    });
    await Promise.all(players);
  });
}

function createPlan(number: number): Plan {
  const random = seededRandom(SEED + number);
  const parts = 1 + random.below(MAX_PARTS);
  // The last part can have any size, down to one byte.
  const last = random.pick([1, 63, 64, 65, PART - 1, PART, 1 + random.below(PART)]);
  const bytes = seededBytes((parts - 1) * PART + last, `fuzz ${SEED} ${number}`);
  const order = Array.from({ length: parts }, (_, index) => index);
  if (random.below(3) > 0) order.sort(() => random.below(3) - 1);
  if (random.below(4) === 0) order.push(random.below(parts));
  return { number, bytes, order, connections: 1 + random.below(5), random };
}

async function upload(server: TestServer, plan: Plan): Promise<void> {
  const { number, bytes, order, connections, random } = plan;
  const client = new WireClient(server);
  const { id } = await client.create(`fuzz-${number}.bin`, bytes.length);
  const queue = [...order];
  const lane = async () => {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      while (random.below(6) === 0) await breakAttempt(server, plan, id, index);
      await sendPart(server, plan, id, index);
    }
  };
  await Promise.all(Array.from({ length: connections }, lane));
  const file = await client.commit(id, await client.list(id), bytes);
  assert.equal(await client.downloadSha1(file.id), file.sha1);
}

/** Sends a part in pieces, and another request behind it on the same connection. */
async function sendPart(server: TestServer, { bytes, random }: Plan, id: string, index: number): Promise<void> {
  const part = partOf(bytes, index);
  const me = rawRequest('GET /2.0/users/me', [`authorization: Bearer ${server.token}`]);
  const connection = await RawConnection.open(server);
  const stream = Buffer.concat([Buffer.from(head(server, id, index, bytes, sha1Base64(part))), part, Buffer.from(me)]);
  const sizes = random.pick([[stream.length], [1_000], [PART], [1, 20_000], [300, 7, 33_000]]);
  for (let at = 0, n = 0; at < stream.length; n++) {
    const size = 1 + random.below(sizes[n % sizes.length] as number);
    await connection.send(stream.subarray(at, at + size));
    if (random.below(8) === 0) await new Promise(setImmediate);
    at += size;
  }
  const [first] = await connection.responses(1);
  // Of two requests for a part at the same time, the older one is replaced, or gets the result of the newer one, and its
  // connection is closed.
  if (first?.headers.connection === 'close') {
    assert.ok(first.status === 200 || (first.status === 409 && first.body.includes('replaced')), first.body);
  } else {
    const statuses = (await connection.responses(2)).map(({ status }) => status);
    assert.deepEqual(statuses, [200, 200], first?.body);
  }
  connection.socket.destroy();
}

/** An attempt that must not be stored: other bytes than announced, or a connection that is cut in the middle. */
async function breakAttempt(server: TestServer, { bytes, random }: Plan, id: string, index: number): Promise<void> {
  const part = partOf(bytes, index);
  const wrong = Buffer.from(part);
  const at = random.below(wrong.length);
  wrong.writeUInt8(wrong.readUInt8(at) ^ 1, at);
  const connection = await RawConnection.open(server);
  const request = Buffer.concat([Buffer.from(head(server, id, index, bytes, sha1Base64(part))), wrong]);
  if (random.below(2) === 0) {
    await connection.send(request);
    const [response] = await connection.responses(1);
    // 200 if the part is already stored, in which case its body is not even read.
    assert.ok([400, 409, 200].includes(response?.status ?? 0), JSON.stringify(response));
  } else {
    await connection.send(request.subarray(0, random.below(request.length)));
    if (random.below(2) === 0) connection.socket.resetAndDestroy();
  }
  connection.socket.destroy();
}

function partOf(bytes: Buffer, index: number): Buffer {
  return bytes.subarray(index * PART, (index + 1) * PART);
}

function head({ token }: TestServer, id: string, index: number, { length: total }: Buffer, digest: string): string {
  const first = index * PART;
  const last = Math.min(first + PART, total) - 1;
  return rawRequest(`PUT /2.0/files/upload_sessions/${id}`, [
    `authorization: Bearer ${token}`,
    `digest: sha=${digest}`,
    `content-range: bytes ${first}-${last}/${total}`,
    `content-length: ${last - first + 1}`,
  ]);
}
