import assert from 'node:assert/strict';
import { Api } from '../support/api.ts';
import { sha1Hex, splitIntoParts } from '../support/bytes.ts';
import { startServer } from '../support/server.ts';
import type { Promises } from './journal.ts';
import { type Recording, SETTINGS } from './recording.ts';
import { PART_SIZE } from './workload.ts';

/**
 * Starts a server on what a power cut left, and does what clients would: lists the acknowledged parts, sends the
 * others, commits, and downloads every file.
 *
 * @returns The number of files that it downloaded.
 */
export async function finishUploads(folder: string, promises: Promises, recording: Recording): Promise<number> {
  await using server = await startServer({ dataFolder: folder, env: SETTINGS });
  const api = new Api(server);
  let files = 0;
  for (const { session, name, size } of promises.acked('session')) {
    const ended = promises.acked('commit').find((commit) => commit.session === session);
    if (promises.mayHave('abort', { session }) || mayBeDeleted(promises, ended?.file)) continue;
    const bytes = recording.bytesOf(name, size);
    const state = await api.get(`/files/upload_sessions/${session}`);
    assert.equal(state.status, 200, state.text);
    const listed = await api.get(`/files/upload_sessions/${session}/parts`);
    const stored = new Set(listed.json.entries.map(({ offset }: { offset: number }) => offset / PART_SIZE));
    for (const part of promises.acked('part')) {
      if (part.session === session) assert.ok(stored.has(part.index), `part ${part.index} of ${session} is listed`);
    }
    for (const [index, part] of splitIntoParts(bytes, PART_SIZE).entries()) {
      if (stored.has(index)) continue;
      const sent = await api.putPart(session, { offset: part.offset, bytes: part.bytes, total: size });
      assert.equal(sent.status, 200, sent.text);
    }
    const whole = await api.get(`/files/upload_sessions/${session}/parts`);
    const made = await api.commit(session, whole.json.entries, bytes);
    assert.equal(made.status, 201, made.text);
    assert.equal(made.json.entries[0].sha1, sha1Hex(bytes));
    const { id } = made.json.entries[0];
    if (promises.mayHave('trash', { file: id })) continue;
    await assertDownload(api, id, sha1Hex(bytes));
    files += 1;
  }
  for (const { file, sha1 } of promises.acked('file')) {
    if (promises.mayHave('trash', { file })) continue;
    await assertDownload(api, file, sha1);
    files += 1;
  }
  return files;
}

function mayBeDeleted(promises: Promises, file: string | undefined): boolean {
  return file !== undefined && promises.mayHave('delete', { file });
}

async function assertDownload(api: Api, file: string, sha1: string): Promise<void> {
  const led = await api.get(`/files/${file}/content`);
  assert.equal(led.status, 302, led.text);
  const response = await fetch(led.headers.location ?? '');
  assert.equal(sha1Hex(Buffer.from(await response.arrayBuffer())), sha1);
}
