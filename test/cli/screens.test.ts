import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import stringWidth from 'string-width';
import { startFaultProxy } from '../client/fault-proxy.ts';
import { createFile } from '../support/bytes.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { noTmux, openPane } from './tmux.ts';

const MIB = 1024 * 1024;
const WIDTHS = [48, 80, 120];

/** Percentage, rate and time left. */
const PACE = /^(?:▕.*▏)? *\d+%.* [\d.]+ [KMG]?i?B\/s +\d+:\d\d {2}/;

function assertNoWrap(lines: readonly string[], columns: number): void {
  for (const line of lines) assert.ok(stringWidth(line) <= columns, `${line}: wider than ${columns}`);
}

describe('on screens of different widths', { skip: noTmux }, () => {
  let place: CliFixture;
  before(async () => {
    place = await openCliFixture({ env: { PARTWAY_PART_SIZE: '1MiB' } });
    await createFile(place.at('big.bin'), 24 * MIB, 'screens');
    await mkdir(place.at('many'));
    for (let number = 0; number < 40; number += 1) {
      await writeFile(place.at('many', `a file with quite a long name, number ${number}.txt`), `file ${number}`);
    }
  });
  after(() => place[Symbol.asyncDispose]());

  for (const columns of WIDTHS) {
    const open = (args: readonly string[], server: string) =>
      openPane(args, { columns, cwd: place.folder, env: { ...place.env, PARTWAY_SERVER: server } });

    test(`at ${columns} columns, an upload shows percentage, rate and time left, then one line for the file`, async () => {
      const whenSeen = Promise.withResolvers<void>();
      await using proxy = await startFaultProxy(place.server, ({ method }) => {
        if (method !== 'PUT') return undefined;
        return proxy.puts().length < 12 ? { delay: 100 } : { waitFor: whenSeen.promise };
      });
      const name = `good ${columns}.bin`;
      await using pane = await open(['upload', 'big.bin', '--name', name, '--parallel', '2'], proxy.url);
      const during = await pane.shows((lines) => lines.some((line) => PACE.test(line)));
      whenSeen.resolve();
      assertNoWrap(during, columns - 1);
      const bar = during.find((line) => PACE.test(line)) ?? '';
      assert.ok(bar.endsWith(name), bar);
      assert.equal(bar.includes('▕'), columns > 48, bar);
      const { lines, code } = await pane.ended();
      assert.equal(code, 0, lines.join('\n'));
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.match(lines[0] ?? '', /^✔ good \d+\.bin {2}24\.0 MiB in \d+:\d\d \(.*\/s\)$/);
    });

    test(`at ${columns} columns, transfers in an outage count down to the next attempt and show no time left`, async () => {
      await place.json('upload', 'big.bin', '--conflict', 'version');
      for (const args of [
        ['upload', 'big.bin', '--name', `outage ${columns}.bin`],
        ['download', '/big.bin', '--to', `outage ${columns}.bin`],
      ]) {
        let isDown = false;
        let isOver = false;
        await using proxy = await startFaultProxy(place.server, ({ method, path }) => {
          if (isOver) return undefined;
          const isDownload = method === 'GET' && path.endsWith('/content');
          isDown ||= isDownload || proxy.puts().length > 8;
          const unavailable = { answer: { status: 503, headers: { 'retry-after': '4' } } };
          return isDown && (method === 'PUT' || isDownload) ? unavailable : undefined;
        });
        await using pane = await open(args, proxy.url);
        for (const seconds of [4, 2]) {
          const note = `next attempt in ${seconds} s`;
          const during = await pane.shows((lines) => lines.some((line) => line.includes(note)));
          assertNoWrap(during, columns - 1);
          const bar = during.find((line) => line.includes(note)) ?? '';
          assert.match(bar, columns === 48 ? / *\d+% waiting, next/ : /\d+%.* waiting for the server, next/);
          assert.doesNotMatch(bar, /\d:\d\d/);
        }
        isOver = true;
        const { lines, code } = await pane.ended();
        assert.equal(code, 0, lines.join('\n'));
        assert.match(lines.at(-1) ?? '', /^✔ .* 24\.0 MiB in \d+:\d\d/);
        // The reason stays on the screen.
        assert.match(lines.join(' '), /status\s+503/);
      }
    });

    test(`at ${columns} columns, many files are counted, no line wraps, and skipped files are one number`, async () => {
      const whenSeen = Promise.withResolvers<void>();
      await using proxy = await startFaultProxy(place.server, ({ method, path }) => {
        if (method !== 'POST' || !path.endsWith('/content')) return undefined;
        const sent = proxy.seen.filter((seen) => seen.path === path && seen.method === 'POST').length;
        return sent > 20 ? { waitFor: whenSeen.promise } : undefined;
      });
      const [folder] = await place.json('mkdir', `/many ${columns}`);
      const args = ['upload', '-r', 'many', '--to', String(folder?.id)];
      await using pane = await open(args, proxy.url);
      const during = await pane.shows((lines) => lines.some((line) => /1?[0-9]+ of 40 files$/.test(line)));
      assertNoWrap(during, columns - 1);
      whenSeen.resolve();
      const first = await pane.ended();
      assert.equal(first.code, 0);
      assertNoWrap(first.lines, columns - 1);
      assert.match(first.lines.at(-1) ?? '', /^40 uploaded, \d+ B in \d+:\d\d/);
      assert.ok(first.lines.filter((line) => /^✔ many\/a file.* {2}\d B in \d+:\d\d/.test(line)).length > 30);
      await using again = await open(args, place.server.url);
      const second = await again.ended();
      assert.equal(
        second.lines
          .map((line) => line.trim())
          .join(' ')
          .replace(/in \d+:\d\d/, 'in TIME'),
        '0 uploaded, 0 B in TIME; 40 skipped as identical.',
      );
    });

    test(`at ${columns} columns, an error is wrapped between words and complete`, async () => {
      await using pane = await open(['upload', 'big.bin', '-r', 'no such file at all'], place.server.url);
      const { lines, code } = await pane.ended();
      assert.equal(code, 5);
      assertNoWrap(lines, columns - 1);
      assert.match(lines.join(' '), /✘ no such file at all does not exist\./);
    });
  }
});
