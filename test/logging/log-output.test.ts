import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogOutput } from '../../packages/server/src/logging/log-output.ts';
import { openLog } from '../../packages/server/src/logging/logger.ts';
import { until } from '../support/until.ts';

/** An output whose system call can be made to fail, and the text that was written to it. */
function brokenOutput() {
  const state = { code: undefined as string | undefined, text: '' };
  const output = new LogOutput({
    write: (_fd, bytes) => {
      if (state.code !== undefined) throw Object.assign(new Error(state.code), { code: state.code });
      // As much as a nearly full pipe accepts.
      const accepted = Buffer.from(bytes).subarray(0, 1_000);
      state.text += accepted;
      return accepted.length;
    },
  });
  return { state, output };
}

for (const code of ['EPIPE', 'ENOSPC', 'EAGAIN', 'EIO']) {
  test(`lines that fail with ${code} are kept up to a limit, then counted, and both are written after the failure ends`, async () => {
    const { state, output } = brokenOutput();
    const log = openLog('info', output);
    log.info('before');
    state.code = code;
    for (let line = 0; line < 10_000; line++) log.info({ line, filler: 'x'.repeat(500) }, 'meanwhile');
    assert.ok(output.pendingBytes <= 1024 * 1024, String(output.pendingBytes));
    const lost = output.lost;
    assert.ok(lost > 7_000 && lost < 10_000, String(lost));

    state.code = undefined;
    await until(() => output.pendingBytes === 0);
    const lines = state.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.filter(({ msg }) => msg === 'meanwhile').map(({ line }) => line),
      Array.from({ length: 10_000 - lost }, (_, line) => line),
    );
    const report = lines.at(-1);
    assert.deepEqual([report.lost, report.code, report.level], [lost, code, 50]);
    assert.equal(output.lost, 0);
  });
}
