import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { startFaultProxy } from '../client/fault-proxy.ts';
import { createFile } from '../support/bytes.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { noTerminal, startOnTerminal } from './terminal.ts';

const MIB = 1024 * 1024;
const SIZE = 24 * MIB;
const BAR = /^▕([█▏▎▍▌▋▊▉ ]{20})▏ *(\d+)% +([\d.]+ [KMG]?i?B)\/24\.0 MiB(?: +([\d.]+ [KMG]?i?B)\/s)?.*big\.bin$/;

const [HIDE_CURSOR, SHOW_CURSOR] = ['\u001b[?25l', '\u001b[?25h'];

describe('on a terminal', { skip: noTerminal }, () => {
  let place: CliFixture;
  before(async () => {
    place = await openCliFixture({ env: { PARTWAY_PART_SIZE: '1MiB' } });
    await createFile(place.at('big.bin'), SIZE, 'cli terminal');
  });
  after(() => place[Symbol.asyncDispose]());

  test('an upload shows a progress bar that only advances and whose cells, percentage and bytes agree', async () => {
    // Each part takes some time, so that the bar is drawn in between.
    await using proxy = await startFaultProxy(place.server, ({ method }) =>
      method === 'PUT' ? { delay: 60 } : undefined,
    );
    const command = startOnTerminal(['upload', 'big.bin', '--parallel', '2'], {
      env: { ...place.env, PARTWAY_SERVER: proxy.url },
      cwd: place.folder,
    });
    assert.equal((await command.ended).code, 0, command.output());
    const bars = command
      .shown()
      .map((line) => BAR.exec(line))
      .filter((match) => match !== null)
      .map(([, cells = '', percent, done = '', rate]) => ({
        filled: [...cells].filter((cell) => cell === '█').length,
        percent: Number(percent),
        mib: done.endsWith('MiB') ? Number.parseFloat(done) : 0,
        rate,
      }));
    assert.ok(bars.length >= 3, command.output());
    for (const { filled, percent, mib } of bars) {
      assert.ok(percent - filled * 5 >= 0 && percent - filled * 5 < 6, `${filled} cells at ${percent} %`);
      assert.ok(Math.abs((mib / 24) * 100 - percent) < 3, `${mib} MiB at ${percent} %`);
    }
    const percents = bars.map(({ percent }) => percent);
    assert.deepEqual(
      percents,
      percents.toSorted((a, b) => a - b),
    );
    assert.ok(bars.some(({ rate }) => rate !== undefined));
    // A summary line remains, and the cursor is visible.
    const stays = command
      .shown()
      .slice(command.shown().findIndex((line) => line.startsWith('✔') || line.startsWith('big.bin ')));
    assert.match(stays.join('').trim(), /^(✔ )?big\.bin {2}24\.0 MiB in \d+:\d\d( \(.*\/s\))?$/);
    assert.ok(command.output().lastIndexOf(SHOW_CURSOR) > command.output().lastIndexOf(HIDE_CURSOR));
  });

  test('Ctrl-C stops an upload; the same command resumes it, and the bar starts where it was', async () => {
    let delaying = true;
    await using proxy = await startFaultProxy(place.server, ({ method }) => {
      if (method !== 'PUT' || !delaying || proxy.puts().length <= 12) return undefined;
      if (proxy.puts().length === 13) first.type('\u0003');
      return { delay: 5_000 };
    });
    const at = { env: { ...place.env, PARTWAY_SERVER: proxy.url }, cwd: place.folder };
    const first = startOnTerminal(['upload', 'big.bin', '--name', 'stopped.bin'], at);
    assert.equal((await first.ended).code, 130, first.output());
    assert.ok(first.shown().includes('Stopped. Run the same command again to resume.'), first.output());
    delaying = false;
    const second = startOnTerminal(['upload', 'big.bin', '--name', 'stopped.bin'], at);
    assert.equal((await second.ended).code, 0, second.output());
    assert.ok(
      second.shown().some((line) => /^stopped\.bin: resuming at \d+(\.\d)? MiB$/.test(line)),
      second.output(),
    );
  });

  test('several files have a total bar that counts existing files and reaches the end', async () => {
    const names = ['one.bin', 'two.bin', 'three.bin'];
    await mkdir(place.at('several'));
    for (const name of names) await createFile(place.at('several', name), 22 * MIB, name);
    await place.json('upload', 'several/one.bin', '--to', String((await place.json('mkdir', '/several'))[0]?.id));
    // Each file takes some time, so that the bar is drawn in between.
    await using proxy = await startFaultProxy(place.server, ({ method, path }) => {
      if (method === 'GET' && path.endsWith('/content')) return { delay: 400 };
      return method === 'PUT' ? { delay: 60 } : undefined;
    });
    const at = { env: { ...place.env, PARTWAY_SERVER: proxy.url }, cwd: place.folder };
    for (const args of [
      ['upload', '-r', 'several', '--parallel', '2'],
      ['download', '-r', '/several', '--to', 'again'],
    ]) {
      const command = startOnTerminal(args, at);
      assert.equal((await command.ended).code, 0, command.output());
      const totals = command
        .shown()
        .map((line) => /^▕.*▏ *(\d+)% +([\d.]+ [KMG]?i?B)\/([\d.]+ [KMG]?i?B).* \d of 3 files$/.exec(line))
        .filter((match) => match !== null)
        .map(([, percent, , all]) => ({ percent: Number(percent), all }));
      assert.deepEqual([...new Set(totals.map(({ all }) => all))], ['66.0 MiB'], command.output());
      const percents = totals.map(({ percent }) => percent);
      assert.deepEqual(
        percents,
        percents.toSorted((a, b) => a - b),
      );
      assert.ok((percents.at(-1) ?? 0) >= 33, `${percents}`);
    }
  });

  test('output has colors only on terminals and without NO_COLOR', async () => {
    const again = ['upload', 'big.bin'];
    const colored = startOnTerminal(again, { env: place.env, cwd: place.folder });
    await colored.ended;
    assert.ok(colored.output().includes('\u001b[32m'), colored.output());
    const plain = startOnTerminal(again, { env: { ...place.env, NO_COLOR: '1' }, cwd: place.folder });
    await plain.ended;
    assert.ok(!plain.output().includes('\u001b[32m'), plain.output());
    const piped = await place.run(again);
    assert.ok(!piped.stdout.includes('\u001b'), piped.stdout);
  });

  test('login prompts for missing values and never shows the token', async () => {
    const { server } = place;
    const env = { HOME: place.at('asked') };
    const command = startOnTerminal(['login'], { env, cwd: place.folder });
    await command.shows(/Server address/);
    command.type(`${server.url}\r`);
    await command.shows(/How do you want to log in\?/);
    // Down, from the browser to the token.
    command.type('\u001b[B\r');
    await command.shows(/Access token/);
    command.type(`${server.token}\r`);
    assert.equal((await command.ended).code, 0, command.output());
    assert.match(command.shown().join('\n'), /Logged in to .* as Developer/);
    assert.ok(!command.output().includes(server.token));
    await rm(place.at('asked'), { recursive: true });
  });

  test('login that is canceled with Ctrl-C saves nothing', async () => {
    const command = startOnTerminal(['login'], { env: { HOME: place.at('given-up') }, cwd: place.folder });
    await command.shows(/Server address/);
    command.type('\u0003');
    assert.equal((await command.ended).code, 130, command.output());
    assert.match(command.shown().join('\n'), /Nothing was saved\./);
  });

  test('fsck shows its progress', async () => {
    const command = startOnTerminal(['fsck', '--data', place.server.dataFolder], { env: {}, cwd: place.folder });
    assert.equal((await command.ended).code, 0, command.output());
    assert.ok(
      command.shown().some((line) => /^▕.*▏ .*\/\d.* verifying$/.test(line)),
      command.output(),
    );
    assert.ok(command.shown().includes('No problems found.'));
  });
});
