import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { renderFigure, summarize } from '../../bench/document/figures.ts';
import { replaceSection } from '../../bench/document/performance.ts';
import { computeFloor } from '../../bench/ingest/floor.ts';
import { renderReport } from '../../bench/ingest/report.ts';
import type { Results, Run } from '../../bench/ingest/results.ts';
import { inOrderOfRound } from '../../bench/measure/rounds.ts';
import { GIB, MIB } from '../../bench/support.ts';

const GB = 1e9 / GIB; // as a number of GiB, so that figures for each GB are round

test('every second round runs backwards', () => {
  assert.deepEqual(
    [1, 2, 3].map((round) => inOrderOfRound(['a', 'b', 'c'], round).join('')),
    ['abc', 'cba', 'abc'],
  );
});

test('a figure is a median with its spread in percent, without spread after one round, and a dash if there is none', () => {
  assert.equal(renderFigure(summarize([1, 2, 4]), 1), '2.0 (150 %)');
  assert.equal(renderFigure(summarize([2]), 2), '2.00');
  assert.equal(renderFigure(summarize([Number.NaN]), 2), '–');
});

test('the floor of each round is what nginx needs and two passes of SHA-1', () => {
  const floor = computeFloor(results(), GB);
  assert.equal(floor?.nginx.median.toFixed(2), '0.60');
  assert.equal(floor?.pass.median.toFixed(2), '0.40');
  assert.equal(floor?.median.toFixed(2), '1.40');
  assert.equal(floor?.spread?.toFixed(2), '0.29');
  assert.equal(computeFloor({ ...results(), runs: [] }, GB), undefined);
});

test('the report relates each server to the peers and to the floor', () => {
  const lines = renderReport({ ...results(), dd: [{ gib: GB, round: 1, seconds: 4 }] }).split('\n');
  const cells = (name: string) =>
    lines
      .find((line) => line.startsWith(`| ${name} `))
      ?.split(/\s*\|\s*/)
      .slice(3, -1);
  assert.deepEqual(cells('partway'), [
    '0.50 (0 %)',
    '2.00',
    '–',
    '2.10 (0 %)',
    '1.50',
    '100 (0 %)',
    '30 (0 %)',
    '0.10 (0 %)',
  ]);
  assert.deepEqual(cells('@tus/server')?.slice(1, 3), ['1.00', '–']);
  assert.match(
    lines.join('\n'),
    /Floor, .*: 1\.40 \(29 %\) CPU s\/GB; nginx 0\.60 \(0 %\), one SHA-1 pass 0\.40 \(50 %\)/,
  );
  assert.match(lines.join('\n'), /Load generator: in C, peak RSS 34 MiB\./);
  assert.match(lines.join('\n'), /dd with one sync at its end, .*: 0\.25 GB\/s/);
});

test('figures replace only their own section of the document', () => {
  const document = 'a\n<!-- bench:one -->\nold\n<!-- /bench -->\nb\n<!-- bench:two -->\n<!-- /bench -->\nc\n';
  const changed = replaceSection(document, 'one', 'new');
  assert.equal(changed, document.replace('old\n', '\nnew\n\n'));
  assert.equal(replaceSection(changed, 'one', 'new'), changed);
  assert.throws(() => replaceSection(document, 'three', 'new'), /no place for three/);
});

test('docs/operate/performance.md has a place for each table', () => {
  const document = readFileSync(fileURLToPath(new URL('../../docs/operate/performance.md', import.meta.url)), 'utf8');
  for (const name of ['uploads-disk', 'uploads-memory', 'downloads', 'commit-time']) {
    assert.match(replaceSection(document, name, 'new'), /\nnew\n/);
  }
});

/** Two rounds, with one GB in each run. */
function results(): Results {
  const both = (run: Omit<Run, 'round' | 'gib' | 'generator'>) =>
    [1, 2].map((round): Run => ({ ...run, round, gib: GB, generator: 'C' }));
  const load = { serverPeakRssBytes: 100 * MIB, loadCpuSeconds: 0.1, loadPeakRssBytes: 34 * MIB };
  return {
    runs: [
      ...both({ ...load, contender: 'partway', seconds: 2, commitSeconds: 0.03, serverCpuSeconds: 2.1 }),
      ...both({ ...load, contender: 'nginx', seconds: 1, serverCpuSeconds: 0.6 }),
      ...both({ ...load, contender: '@tus/server', seconds: 4, serverCpuSeconds: 2.8 }),
    ],
    sha1Passes: [
      { gib: GB, round: 1, cpuSecondsPerGb: 0.3 },
      { gib: GB, round: 2, cpuSecondsPerGb: 0.5 },
    ],
    dd: [],
  };
}
