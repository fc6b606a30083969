import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { after, before, test } from 'node:test';
import { startFaultProxy } from '../client/fault-proxy.ts';
import { createFile } from '../support/bytes.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { jsonLines, uploadedFile } from './run.ts';

const SIZE = 24 * 1024 * 1024;
const PARTS = 24;
/** Much longer than a command takes to handle a signal; nothing waits for it. */
const DELAY_MILLIS = 5_000;

let place: CliFixture;
let sha1: string;
before(async () => {
  place = await openCliFixture({ env: { PARTWAY_PART_SIZE: '1MiB' } });
  sha1 = await createFile(place.at('big.bin'), SIZE, 'cli resume');
});
after(() => place[Symbol.asyncDispose]());

/** A proxy in front of the server that delays every part after the tenth, until it is opened. */
async function startDelayingProxy(onDelay: () => void) {
  let parts = 0;
  let open = false;
  const proxy = await startFaultProxy(place.server, ({ method }) => {
    if (method !== 'PUT' || open) return undefined;
    parts += 1;
    if (parts <= 10) return undefined;
    if (parts === 11) onDelay();
    return { delay: DELAY_MILLIS };
  });
  return Object.assign(proxy, {
    open: () => {
      open = true;
    },
  });
}

/** Uploads big.bin under this name, and calls `stop` when the eleventh part is being sent. */
async function interruptUpload(name: string, stop: (child: ChildProcess) => void) {
  const proxy = await startDelayingProxy(() => stop(running.child));
  const env = { PARTWAY_SERVER: proxy.url };
  const running = place.start(['upload', 'big.bin', '--name', name], { env });
  return { ended: await running.ended, proxy, env };
}

/** Repeats the same upload without delays. */
async function resumeUpload(name: string, proxy: Awaited<ReturnType<typeof startDelayingProxy>>) {
  proxy.open();
  const args = ['upload', 'big.bin', '--name', name, '--json'];
  const ended = await place.run(args, { env: { PARTWAY_SERVER: proxy.url } });
  assert.equal(ended.code, 0, ended.stderr);
  const events = jsonLines(ended.stdout);
  const done = events.find(({ event }) => event === 'done');
  assert.equal(uploadedFile(events).sha1, sha1);
  return { resumed: events.find(({ event }) => event === 'resumed'), bytesResumed: Number(done?.bytes_resumed) };
}

test('Ctrl-C stops an upload with a hint; sessions shows it; the same command resumes it', async () => {
  const { ended, proxy, env } = await interruptUpload('ctrl-c.bin', (child) => child.kill('SIGINT'));
  await using _ = proxy;
  assert.equal(ended.code, 130, ended.stderr);
  assert.match(ended.stderr, /Stopped\. Run the same command again to resume\./);
  assert.match(ended.stdout, /ctrl-c\.bin: stopped/);

  const [session] = jsonLines((await place.run(['sessions', 'list', '--json'], { env })).stdout);
  assert.equal(session?.file_name, 'ctrl-c.bin');
  assert.equal(session?.source, place.at('big.bin'));
  const stored = Number(session?.num_parts_processed);
  assert.ok(stored > 0 && stored < PARTS, `${stored}`);
  const [details] = jsonLines((await place.run(['sessions', 'show', String(session?.id), '--json'], { env })).stdout);
  assert.deepEqual(
    [details?.file_name, details?.file_size, details?.source],
    ['ctrl-c.bin', SIZE, place.at('big.bin')],
  );
  assert.ok(Array.isArray(details?.stored_parts) && details.stored_parts.length >= stored);
  const shown = await place.run(['sessions', 'show', String(session?.id)], { env });
  assert.match(shown.stdout, /^ctrl-c\.bin, 24\.0 MiB, from /);
  // Requests in progress may have been stored since.
  const counted = Number(new RegExp(`^(\\d+) of ${PARTS} parts of 1\\.0 MiB are stored`, 'm').exec(shown.stdout)?.[1]);
  assert.ok(counted >= stored && counted < PARTS, shown.stdout);
  const map = /^ {2}([█·]+)$/m.exec(shown.stdout)?.[1] ?? '';
  assert.equal(map.length, PARTS);
  assert.equal([...map].filter((cell) => cell === '█').length, counted);

  const { resumed, bytesResumed } = await resumeUpload('ctrl-c.bin', proxy);
  assert.equal(resumed?.session_id, session?.id);
  assert.ok(bytesResumed >= counted * 1024 * 1024 && bytesResumed < SIZE, `${bytesResumed}`);
  assert.deepEqual(await place.json('sessions', 'list'), []);
});

test('a second Ctrl-C ends the command immediately, and SIGTERM stops it cleanly', async () => {
  const twice = await interruptUpload('twice.bin', (child) => {
    child.kill('SIGINT');
    child.kill('SIGINT');
  });
  await using _ = twice.proxy;
  assert.equal(twice.ended.code, 130);
  assert.ok((await resumeUpload('twice.bin', twice.proxy)).bytesResumed > 0);
  const { ended, proxy } = await interruptUpload('terminated.bin', (child) => child.kill('SIGTERM'));
  await using __ = proxy;
  assert.equal(ended.code, 143);
  assert.match(ended.stderr, /Run the same command again to resume/);
});

test('a killed command resumes when it is run again', async () => {
  const { ended, proxy } = await interruptUpload('killed.bin', (child) => child.kill('SIGKILL'));
  await using _ = proxy;
  assert.equal(ended.signal, 'SIGKILL');
  const { bytesResumed } = await resumeUpload('killed.bin', proxy);
  assert.ok(bytesResumed > 0 && bytesResumed < SIZE, `${bytesResumed}`);
});

test('an aborted upload is deleted on the server and locally', async () => {
  const { proxy, env } = await interruptUpload('given-up.bin', (child) => child.kill('SIGINT'));
  await using _ = proxy;
  const listed = jsonLines((await place.run(['sessions', 'list', '--json'], { env })).stdout);
  const id = String(listed.find(({ file_name: name }) => name === 'given-up.bin')?.id);
  assert.match((await place.run(['sessions', 'abort', id], { env })).stdout, /Aborted /);
  assert.equal((await place.run(['sessions', 'abort', id], { env })).code, 5);
  assert.equal((await resumeUpload('given-up.bin', proxy)).bytesResumed, 0);
});

/** Uploads big.bin through a server that rejects the first four part requests; returns what the command printed. */
async function uploadThroughOutage(name: string, ...options: string[]): Promise<string> {
  let refused = 0;
  await using proxy = await startFaultProxy(place.server, ({ method }) => {
    if (method !== 'PUT' || refused === 4) return undefined;
    refused += 1;
    return { answer: { status: 503 } };
  });
  const env = { PARTWAY_SERVER: proxy.url };
  const ended = await place.run(['upload', 'big.bin', '--name', name, ...options], { env });
  assert.equal(ended.code, 0, ended.stderr);
  return ended.stdout;
}

test('an outage that affects many parts is printed once as text, and for every part with --json', async () => {
  const lines = (await uploadThroughOutage('told.bin')).split('\n');
  assert.equal(lines.filter((line) => /Retrying in/.test(line)).length, 1, lines.join('\n'));
  const events = jsonLines(await uploadThroughOutage('counted.bin', '--json'));
  assert.equal(events.filter(({ event }) => event === 'retrying').length, 4);
});
