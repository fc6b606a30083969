import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { seededRandom } from '../faults/seeded-random.ts';
import { upload } from '../http/forms.ts';
import { addApp, addUser } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { listDescriptors } from '../support/descriptors.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { readResponses } from '../support/responses.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import { checkResponse } from './check-response.ts';
import { nextScenario, type Scenario, type Targets } from './scenario.ts';

const COUNT = Number(process.env.PARTWAY_TEST_FUZZ ?? 1_000);
const SEED = Number(process.env.PARTWAY_TEST_SEED ?? randomInt(2 ** 31));
const AT_ONCE = 8;
const MAX_GROWTH_KIB = 200 * 1024;

test(`${COUNT} altered requests get valid responses, no 5xx and no extra responses, and leave nothing behind (seed ${SEED})`, async () => {
  await using server = await startServer({
    env: {
      PARTWAY_PART_SIZE: '65536',
      PARTWAY_MIN_SESSION_SIZE: '1000',
      PARTWAY_BODY_TIMEOUT: '500ms',
      PARTWAY_RESPONSE_TIMEOUT: '5s',
      PARTWAY_LOG: 'error',
    },
  });
  const targets = await createTargets(server);
  const random = seededRandom(SEED);
  // Whatever the first requests open and keep belongs to the server.
  for (let index = 0; index < 50; index++) await play(server, nextScenario(random, targets));
  await until(() => countSockets(server) === 0);
  const descriptors = listDescriptors(server.pid).length;
  const memory = residentKib(server);

  let sent = 0;
  let number = 0;
  const players = Array.from({ length: AT_ONCE }, async () => {
    while (sent < COUNT) {
      const scenario = nextScenario(random, targets);
      const scenarioNumber = ++number;
      sent += scenario.requests.length;
      await play(server, scenario).catch((error: Error) => {
        const bytes = scenario.requests.map((request) => JSON.stringify(request.toString('latin1').slice(0, 2_000)));
        const label = `seed ${SEED}, scenario ${scenarioNumber} (${scenario.ending})`;
        throw new Error(`${label}: ${error.message}\n${bytes.join('\n')}`, { cause: error });
      });
    }
  });
  await Promise.all(players);

  await until(() => countSockets(server) === 0);
  await until(() => listDescriptors(server.pid).length <= descriptors);
  const growth = residentKib(server) - memory;
  assert.ok(growth < MAX_GROWTH_KIB, `the server has grown by ${growth} KiB`);
  assert.ok(!server.stderr().includes('"level":50'), server.stderr());
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
});

async function createTargets(server: TestServer): Promise<Targets> {
  const api = new Api(server);
  const app = await addApp(server);
  const file = await upload(api, 'fuzzed.bin', Buffer.alloc(300_000, 'fuzzed'));
  const folder = await api.post('/folders', { name: 'fuzzed', parent: { id: '0' } });
  const session = await api.createSession('session.bin', 4 * 65_536);
  const { location = '' } = (await api.get(`/files/${file.id}/content`)).headers;
  const { pathname, search } = new URL(location);
  return {
    token: server.token,
    file: file.id,
    version: file.file_version.id,
    folder: folder.json.id,
    session: session.id,
    user: await addUser(server, 'fuzzed@partway.test'),
    download: pathname + search,
    clientId: app.clientId,
    clientSecret: app.clientSecret,
  };
}

/** Plays a scenario, and throws if a response is invalid. */
async function play(server: TestServer, { requests, methods, paths, isFramed, ending }: Scenario): Promise<void> {
  const connection = await RawConnection.open(server);
  // It is unknown how many requests the altered bytes are.
  const known = isFramed ? methods : [];
  connection.socket.write(Buffer.concat(requests));
  if (ending === 'leave' || ending === 'reset') {
    if (ending === 'leave') connection.socket.destroy();
    else connection.socket.resetAndDestroy();
    return;
  }
  if (ending.endsWith('after one')) {
    connection.finish();
    await until(() => connection.bytes.length > 0 || isClosed(connection));
    if (ending.startsWith('reset')) connection.socket.resetAndDestroy();
    else connection.socket.destroy();
    return;
  }
  if (ending === 'finish') connection.finish();
  // The server ends stalled requests. Complete requests leave the connection open.
  else
    await until(
      () => readResponses(connection.bytes, known, { allowIncomplete: true }).length >= 1 || isClosed(connection),
    );
  if (ending === 'stall') connection.finish();
  await until(() => isClosed(connection));
  connection.socket.destroy();

  const responses = readResponses(connection.bytes, known);
  for (const [index, response] of responses.entries()) {
    checkResponse(response, known[index], isFramed ? paths[index] : undefined);
  }
  const isEndedEarly = responses.at(-1)?.headers.connection === 'close';
  if (isFramed && !isEndedEarly) assert.equal(responses.length, requests.length, 'each request has one response');
  assert.ok(responses.length > 0 || requests.every(isBlank), 'no response arrived');
}

function isClosed({ socket }: RawConnection): boolean {
  return socket.readableEnded || socket.closed;
}

/** Whether a server can treat these bytes as no request (RFC 9112, section 2.2). */
function isBlank(bytes: Buffer): boolean {
  return /^[\r\n]*$/.test(bytes.toString('latin1'));
}

/** Counts the open connections of the server, without the socket on which it listens and other kinds of sockets. */
function countSockets(server: TestServer): number {
  const listening = 1;
  const tcpSockets = new Set<string>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readFileSync(`/proc/${server.pid}/net/${table}`, 'latin1').split('\n').slice(1)) {
      const inode = line.trim().split(/\s+/)[9];
      if (inode !== undefined) tcpSockets.add(`socket:[${inode}]`);
    }
  }
  return listDescriptors(server.pid).filter((target) => tcpSockets.has(target)).length - listening;
}

function residentKib({ pid }: TestServer): number {
  return Number(/VmRSS:\s+([0-9]+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}
