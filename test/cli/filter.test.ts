import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { parseRule, RuleFilter } from '../../packages/cli/src/transfer/filter/filter.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';

const PATHS = [
  'a.jpg',
  'a.png',
  'b.jpeg',
  'notes.txt',
  'dir/a.jpg',
  'dir/notes.txt',
  'dir/sub/a.jpg',
  'dir/sub/deep/notes.txt',
  'dir2/a.jpg',
  'other/dir/a.jpg',
  'other/dir.jpg',
  'x/y/z.txt',
  'file1.txt',
  'file22.txt',
  'file-a.txt',
  'a+b(c).txt',
  'a^b$c|d.txt',
  '{brace}.txt',
  'star*.txt',
  'UPPER.JPG',
  'ä/ö.txt',
  '.hidden/file',
  '.hidden.txt',
];

const PATTERNS = [
  '*.jpg',
  '/*.jpg',
  '*',
  '**',
  '/**',
  '*.{jpg,png}',
  '*.jp{e,}g',
  'dir/**',
  '/dir/**',
  '/dir/*',
  'dir/*.jpg',
  '/dir/**.txt',
  '**/notes.txt',
  'notes.txt',
  '/notes.txt',
  'sub/**',
  'd*/a.jpg',
  'file?.txt',
  'file[0-9].txt',
  'file[0-9][0-9].txt',
  'file[^0-9]a.txt',
  'file[-a]a.txt',
  'a+b(c).txt',
  'a^b$c|d.txt',
  '\\{brace\\}.txt',
  'star\\*.txt',
  '{a,b,file1}.*',
  '{dir,x/y}/**',
  '/{dir,other}/*.jpg',
  'a**',
  '*a*b*',
  '**a**t',
  'ö.txt',
  '?.txt',
  '/ä/?.txt',
  '.*',
  '.hidden/**',
  'dir',
  '[a-c].*',
  '[^a-c].*',
  '[a-cä].*',
  'file[0-9a-]?*.txt',
  'file[-0-9]*.txt',
  '*.{txt,j*}',
];

const noRclone = spawnSync('rclone', ['version']).error === undefined ? false : 'rclone is not installed';

function select(rules: readonly [flag: string, pattern: string][]): string[] {
  const filter = new RuleFilter(rules.map(([flag, pattern]) => parseRule(flag === '--include', pattern)));
  return PATHS.filter((path) => filter.selects(path)).toSorted();
}

/**
 * Lists what rclone selects. Unlike ours, its order of `--include` and `--exclude` is undefined, but not that of `--filter`.
 * The first rule makes it enter all folders: by itself, it would not look for `dir/**` below another folder, although the
 * pattern matches there.
 */
async function selectWithRclone(folder: string, rules: readonly [flag: string, pattern: string][]): Promise<string[]> {
  const flags = rules.map(([flag, pattern]) => `--filter=${flag === '--include' ? '+' : '-'} ${pattern}`);
  const rest = rules.some(([flag]) => flag === '--include') ? ['--filter=- **'] : [];
  const args = ['lsf', '-R', '--files-only', '--config', '', '--filter=+ */', ...flags, ...rest, folder];
  const { stdout } = await promisify(execFile)('rclone', args);
  return stdout.split('\n').filter(Boolean).toSorted();
}

test('--include and --exclude select the same files as the filters of rclone', { skip: noRclone }, async (t) => {
  const folder = await temporaryFolder(t);
  for (const path of PATHS) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), '');
  }
  const lists: [string, string][][] = [
    ...PATTERNS.flatMap((pattern): [string, string][][] => [[['--include', pattern]], [['--exclude', pattern]]]),
    [['--exclude', 'dir/']],
    [['--exclude', '/dir/']],
    [
      ['--exclude', '/dir/sub/**'],
      ['--include', '*.jpg'],
    ],
    [
      ['--include', '*.jpg'],
      ['--exclude', '/dir/**'],
    ],
    [
      ['--include', '/dir/notes.txt'],
      ['--exclude', 'dir/**'],
      ['--include', '*.txt'],
    ],
    [
      ['--exclude', 'a.*'],
      ['--exclude', 'x/'],
    ],
  ];
  for (const rules of lists) {
    assert.deepEqual(select(rules), await selectWithRclone(folder, rules), JSON.stringify(rules));
  }
});

test('a folder is entered exactly if one of its files may be selected', () => {
  const mayEnter = (folder: string, ...rules: [string, string][]) =>
    new RuleFilter(rules.map(([flag, pattern]) => parseRule(flag === '--include', pattern))).mayEnter(folder);
  assert.equal(mayEnter('dir'), true);
  assert.equal(mayEnter('dir', ['--exclude', 'dir/']), false);
  assert.equal(mayEnter('a/dir', ['--exclude', 'dir/']), false);
  assert.equal(mayEnter('a/dir', ['--exclude', '/dir/']), true);
  assert.equal(mayEnter('dir/sub', ['--exclude', 'dir/**']), false);
  assert.equal(mayEnter('dir', ['--exclude', 'dir/*']), true);
  assert.equal(mayEnter('dir', ['--exclude', '**.txt']), true);
  assert.equal(mayEnter('dir', ['--include', '/other/**']), false);
  assert.equal(mayEnter('other', ['--include', '/other/**']), true);
  assert.equal(mayEnter('dir', ['--include', '*.jpg']), true);
  assert.equal(mayEnter('dir', ['--include', '*.jpg'], ['--exclude', 'dir/']), true);
  assert.equal(mayEnter('dir', ['--exclude', 'dir/'], ['--include', '*.jpg']), false);
});

test('--include with a folder includes everything in it, unlike in rclone, where it includes nothing', () => {
  assert.deepEqual(select([['--include', '/dir/']]), [
    'dir/a.jpg',
    'dir/notes.txt',
    'dir/sub/a.jpg',
    'dir/sub/deep/notes.txt',
  ]);
});

test('a pattern that is not valid is refused with the reason', () => {
  for (const [pattern, why] of [
    ['', /is empty/],
    ['/', /is empty/],
    ['***', /more than two \*/],
    ['[a', /\[ has no counterpart/],
    ['a]', /\] has no counterpart/],
    ['{a', /must be closed/],
    ['{a,{b}}', /cannot be nested/],
    ['a}', /} has no counterpart/],
    ['{{a.*}}', /regular expressions}} are not supported/],
    ['[[:alpha:]]', /not supported/],
    ['[z-a]', /not a valid class/],
    ['a\\', /ends with a backslash/],
  ] as const) {
    assert.throws(() => parseRule(true, pattern), why, pattern);
  }
});

test('a pattern with many stars is matched in linear time', () => {
  const filter = new RuleFilter([parseRule(false, `${'**a'.repeat(30)}b`)]);
  assert.equal(filter.selects('a'.repeat(5_000)), true);
});
