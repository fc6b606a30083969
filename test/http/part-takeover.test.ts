import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Api } from '../support/api.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { startServer } from '../support/server.ts';
import { until } from '../support/until.ts';

const PART = 65_536;
const TOTAL = 2 * PART;

for (const sent of [0, 20_000, PART - 1]) {
  test(`a request for a part gets 409 if a newer one replaces it after ${sent} bytes, and its connection is closed`, async () => {
    await using server = await startServer({
      env: { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '1000' },
    });
    const { id } = await new Api(server).createSession('replaced.bin', TOTAL);
    const bytes = Buffer.alloc(PART, 'part');
    const sha1 = createHash('sha1').update(bytes).digest('base64');
    const head = `PUT /api/2.0/files/upload_sessions/${id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.token}\r\ndigest: sha=${sha1}\r\ncontent-range: bytes 0-${PART - 1}/${TOTAL}\r\ncontent-length: ${PART}\r\n`;
    const older = await RawConnection.open(server);
    await older.send(`${head}expect: 100-continue\r\n\r\n`);
    // From now on it has the lock of the part.
    await until(() => older.bytes.includes('HTTP/1.1 100 '));
    await older.send(bytes.subarray(0, sent));

    const newer = await RawConnection.open(server);
    await newer.send(Buffer.concat([Buffer.from(`${head}\r\n`), bytes]));
    const [stored] = await newer.responses(1, ['PUT']);
    assert.equal(stored?.status, 200);
    const [replaced] = await older.responses(1, ['PUT']);
    assert.equal(replaced?.status, 409);
    assert.equal(JSON.parse(replaced?.body ?? '').code, 'operation_blocked_temporary');
    assert.equal(replaced?.headers.connection, 'close');
    assert.equal((await older.closed(['PUT'])).length, 1);
    newer.socket.destroy();
  });
}
