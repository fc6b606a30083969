import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DownloadRun, renderDownloads } from '../../bench/download/report.ts';
import { MIB } from '../../bench/support.ts';

test('downloads are compared with nginx over the same number of connections', () => {
  const run = {
    generator: 'C' as const,
    round: 1,
    bytes: 1e9,
    serverPeakRssBytes: MIB,
    loadCpuSeconds: 0.1,
    loadPeakRssBytes: MIB,
  };
  const table = renderDownloads([
    { ...run, contender: 'partway', connections: 1, seconds: 2, serverCpuSeconds: 1 },
    { ...run, contender: 'nginx', connections: 1, seconds: 1, serverCpuSeconds: 0.25 },
    { ...run, contender: 'partway', connections: 4, seconds: 1, serverCpuSeconds: 1 },
  ] satisfies DownloadRun[]);
  assert.match(table, /\| partway \| +1 \| 0\.50 \| +0\.50 \| +1\.000 \| +4\.00 \|/);
  assert.match(table, /\| partway \| +4 \| 1\.00 \| +– \| +1\.000 \| +– \|/);
});
