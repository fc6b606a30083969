import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createFile, sha1OfFile } from '../../support/bytes.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { bash } from './bash.ts';

const PART_SIZE = 65536;
const FILE_SIZE = 3 * PART_SIZE + 1001;
const UPLOAD_SH = fileURLToPath(new URL('../../../examples/upload.sh', import.meta.url));

// The part upload of Box's API reference; the part is cut out and hashed with common tools.
const PUT_PART = `
  FIRST=$((INDEX * PART_SIZE))
  dd if="$FILE" of="$WORK/part" bs=$PART_SIZE skip=$INDEX count=1 2>/dev/null
  LAST=$((FIRST + $(wc -c <"$WORK/part") - 1))
  DIGEST=$(openssl sha1 -binary "$WORK/part" | base64)
  curl -sS -i -X PUT "$URL/2.0/files/upload_sessions/$SESSION" \\
       -H "authorization: Bearer $TOKEN" \\
       -H "digest: sha=$DIGEST" \\
       -H "content-range: bytes $FIRST-$LAST/$FILE_SIZE" \\
       -H "content-type: application/octet-stream" \\
       --data-binary @"$WORK/part"`;

describe('curl and openssl', () => {
  let server: TestServer;
  let env: Record<string, string>;
  let sha1: string;

  before(async () => {
    server = await startServer({
      env: { PARTWAY_PART_SIZE: String(PART_SIZE), PARTWAY_MIN_SESSION_SIZE: String(PART_SIZE) },
    });
    const work = join(server.dataFolder, '..');
    const file = join(work, 'file.bin');
    sha1 = await createFile(file, FILE_SIZE, 'curl');
    env = {
      URL: server.url,
      TOKEN: server.token,
      FILE: file,
      WORK: work,
      PART_SIZE: String(PART_SIZE),
      FILE_SIZE: String(FILE_SIZE),
    };
  });
  after(() => server[Symbol.asyncDispose]());

  const createSession = async (name: string) => {
    const script = `curl -sS -X POST "$URL/2.0/files/upload_sessions" -H "authorization: Bearer $TOKEN" \\
      -H "content-type: application/json" \\
      -d '{"folder_id":"0","file_size":'$FILE_SIZE',"file_name":"'$NAME'"}'`;
    const session = JSON.parse(await bash(script, { ...env, NAME: name })) as { id?: string };
    assert.match(String(session.id), /^[0-9A-F]{32}$/, JSON.stringify(session));
    return String(session.id);
  };

  test('the call of the API reference stores a part; create, parts, commit and download complete the upload', async () => {
    const session = await createSession('reference.bin');

    const parts: unknown[] = [];
    for (const index of [2, 0, 3, 1]) {
      const answer = await bash(PUT_PART, { ...env, SESSION: session, INDEX: String(index) });
      const { status, headers, body } = split(answer);
      assert.equal(status, 200, answer);
      assert.match(headers, /^content-type: application\/json/im);
      const { part } = JSON.parse(body) as { part: { part_id: string; offset: number; size: number; sha1: string } };
      assert.deepEqual(Object.keys(part).sort(), ['offset', 'part_id', 'sha1', 'size']);
      assert.match(part.part_id, /^[0-9A-F]{8}$/);
      assert.match(part.sha1, /^[0-9a-f]{40}$/);
      assert.equal(part.offset, index * PART_SIZE);
      assert.equal(part.size, index === 3 ? 1001 : PART_SIZE);
      parts.push(part);
    }

    const script = `curl -sS -i -X POST "$URL/2.0/files/upload_sessions/$SESSION/commit" \\
      -H "authorization: Bearer $TOKEN" -H "digest: sha=$(openssl sha1 -binary "$FILE" | base64)" \\
      -H "content-type: application/json" -d "$BODY"`;
    const answer = split(await bash(script, { ...env, SESSION: session, BODY: JSON.stringify({ parts }) }));
    assert.equal(answer.status, 201, answer.body);
    const { total_count, entries } = JSON.parse(answer.body) as Committed;
    assert.equal(total_count, 1);
    assert.equal(entries[0]?.name, 'reference.bin');
    assert.equal(entries[0]?.sha1, sha1);
    assert.equal(await downloadSha1(env, String(entries[0]?.id)), sha1);
  });

  test('a part sent with Expect: 100-continue gets that response and is stored', async () => {
    const session = await createSession('expect.bin');
    const patient = `${PUT_PART} -v -H "expect: 100-continue" --expect100-timeout 30 2>&1`;

    const answer = await bash(patient, { ...env, SESSION: session, INDEX: '0' });

    assert.match(answer, /^< HTTP\/1\.1 100 Continue/m);
    assert.match(answer, /^HTTP\/1\.1 200 OK/m);
  });

  test('a part that is rejected before its body is not sent if the client waits for 100 Continue', async () => {
    const session = await createSession('refused-early.bin');
    const script = `head -c $PART_SIZE "$FILE" >"$WORK/part"
      curl -sS -o /dev/null -X PUT "$URL/2.0/files/upload_sessions/$SESSION" \\
      -H "authorization: Bearer $TOKEN" -H "digest: sha=$(openssl sha1 -binary "$WORK/part" | base64)" \\
      -H "content-range: bytes 1-$PART_SIZE/$FILE_SIZE" -H "content-type: application/octet-stream" \\
      -H "expect: 100-continue" --expect100-timeout 30 --data-binary @"$WORK/part" -w '%{http_code} %{size_upload}'`;

    assert.equal(await bash(script, { ...env, SESSION: session }), '416 0');
  });

  test('examples/upload.sh uploads a file and prints it', async () => {
    const settings = {
      ...env,
      PARTWAY_URL: server.url,
      PARTWAY_TOKEN: server.token,
      PARTWAY_NAME: 'a "quoted" name.bin',
    };

    const { entries } = JSON.parse(await bash(`"$UPLOAD_SH" "$FILE"`, { ...settings, UPLOAD_SH })) as Committed;

    assert.equal(entries[0]?.name, 'a "quoted" name.bin');
    assert.equal(entries[0]?.sha1, sha1);
    assert.equal(await downloadSha1(env, String(entries[0]?.id)), sha1);
  });

  test('examples/upload.sh uploads to the given folder', async () => {
    const create = `curl -sS "$URL/2.0/folders" -H "authorization: Bearer $TOKEN" \\
      -H "content-type: application/json" -d '{"name":"inbox","parent":{"id":"0"}}'`;
    const folder = JSON.parse(await bash(create, env)) as { id: string };
    const settings = { ...env, PARTWAY_URL: server.url, PARTWAY_TOKEN: server.token, PARTWAY_FOLDER: folder.id };

    const { entries } = JSON.parse(await bash(`"$UPLOAD_SH" "$FILE"`, { ...settings, UPLOAD_SH })) as Committed;

    assert.equal(entries[0]?.name, 'file.bin');
    assert.equal(entries[0]?.parent.id, folder.id);
  });

  test('examples/upload.sh reports errors', async () => {
    const settings = { ...env, UPLOAD_SH, PARTWAY_URL: server.url };
    const runAndGetError = (script: string, more: Record<string, string>) =>
      bash(`${script} 2>&1 && echo "ended well"; true`, { ...settings, ...more });
    const token = { PARTWAY_TOKEN: server.token };

    assert.match(await runAndGetError('"$UPLOAD_SH"', token), /usage:/);
    assert.match(await runAndGetError('"$UPLOAD_SH" "$FILE"', {}), /PARTWAY_TOKEN is not set/);
    assert.match(await runAndGetError('"$UPLOAD_SH" "$WORK/none"', token), /not a file that can be read/);
    assert.match(await runAndGetError('"$UPLOAD_SH" "$FILE"', { PARTWAY_TOKEN: 'wrong' }), /session failed: 401/);
    const small = 'head -c 5 "$FILE" >"$WORK/small"; "$UPLOAD_SH" "$WORK/small"';
    assert.match(await runAndGetError(small, token), /session failed: 400 file_size_too_small/);
    const nowhere = { ...token, PARTWAY_URL: 'http://127.0.0.1:1', PARTWAY_RETRIES: '0' };
    assert.match(await runAndGetError('"$UPLOAD_SH" "$FILE"', nowhere), /no answer from http:\/\/127\.0\.0\.1:1/);
  });

  test('the addresses in a session lead to the same calls below /api', async () => {
    const session = await createSession('under-api.bin');

    const answer = await bash(PUT_PART, { ...env, URL: `${server.url}/api`, SESSION: session, INDEX: '1' });

    assert.equal(split(answer).status, 200, answer);
  });
});

interface Committed {
  total_count: number;
  entries: { id: string; name: string; sha1: string; parent: { id: string } }[];
}

/** Downloads a file as curl users do, following the redirect, and returns its SHA-1. */
async function downloadSha1(env: Record<string, string>, fileId: string): Promise<string> {
  const script = `curl -sS -f -L "$URL/2.0/files/$ID/content" -H "authorization: Bearer $TOKEN" -o "$WORK/back-$ID"`;
  await bash(script, { ...env, ID: fileId });
  const path = join(String(env.WORK), `back-${fileId}`);
  assert.equal((await readFile(path)).length, FILE_SIZE);
  return sha1OfFile(path);
}

/** Splits the output of `curl -i`. */
function split(answer: string): { status: number; headers: string; body: string } {
  const final = answer.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
  const end = final.indexOf('\r\n\r\n');
  return { status: Number(final.split(' ')[1]), headers: final.slice(0, end), body: final.slice(end + 4) };
}
