import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TextlintKernel } from '@textlint/kernel';
import markdown from '@textlint/textlint-plugin-markdown';
import { findAvoided, findLongSentences, RULES } from '../../scripts/prose/rules.ts';
import { TYPESCRIPT } from '../../scripts/prose/typescript-plugin.ts';

async function lint(ext: string, text: string): Promise<string[]> {
  const { messages } = await new TextlintKernel().lintText(text, {
    ext,
    plugins: [{ pluginId: 'markdown', plugin: markdown.default }, TYPESCRIPT],
    rules: RULES,
  });
  return messages.map(({ loc, message }) => `${loc.start.line}:${loc.start.column} ${message}`);
}

test('words and idioms that the documentation avoids are found, each with a replacement', () => {
  const cases: [text: string, avoided: string][] = [
    ['The upload begins anew.', 'anew'],
    ['Whoever has the token can read it.', 'Whoever'],
    ['Give addresses by commas.', 'by commas'],
    ['The same command goes\non where it was.', 'goes on'],
    ['It works no more.', 'no more'],
    ['It returns undefined where there is none.', 'undefined where'],
    ['Where the disk is full, uploads fail.', 'Where the disk is full,'],
    ['What was lost is sent again.', 'What was lost is sent again.'],
    ['Who fails too often has to wait.', 'Who fails too often has to wait.'],
    ['A client need not wait.', 'need not'],
    ['The sweep removes it.', 'sweep'],
    ['Its behaviour is the the same.', 'the the'],
  ];
  for (const [text, avoided] of cases) {
    assert.ok(
      findAvoided(text).some(({ message }) => message.startsWith(`"${avoided}": write `)),
      text,
    );
  }
});

test('plain sentences pass', () => {
  for (const text of [
    'It uses no more than 16 MiB.',
    'See the folder where the server stores files.',
    'What is stored',
    'Who waits when the server is busy',
    'The content type and the content security policy are checked.',
    'Improve the retry, and so on.',
  ]) {
    assert.deepEqual(findAvoided(text), [], text);
  }
});

test('a sentence can have only the allowed number of words, and code counts as one word', () => {
  assert.deepEqual(findLongSentences('One two three. Four five six.', 3), []);
  assert.deepEqual(findLongSentences('Set ````` in 1.5 s, then stop.', 7), []);
  assert.equal(findLongSentences('One two three four. Five.', 3).length, 1);
});

test('in Markdown, findings have a position, and code and link targets are ignored', async () => {
  const page =
    '# Go on\n\nUse `anew` and [a link](anew.md).\n\n```\nanew\n```\n\n| Cell |\n| --- |\n| begins **anew** |\n';
  assert.deepEqual(await lint('.md', page), [
    '1:3 "Go on": write "resumes", "continues" or "happens" instead.',
    '11:12 "anew": write "again" or "from scratch" instead.',
  ]);
});

test('in TypeScript, comments and strings of several words are read', async () => {
  const source = [
    '/**',
    ' * Starts it anew.',
    ' */',
    "const anew: Map<string, 'anew'> = start('anew');",
    '// This one goes',
    '// on, `anew`.',
    "throw new Error('It begins anew here.');",
  ].join('\n');
  assert.deepEqual(await lint('.ts', source), [
    '2:14 "anew": write "again" or "from scratch" instead.',
    '5:13 "goes on": write "resumes", "continues" or "happens" instead.',
    '7:28 "anew": write "again" or "from scratch" instead.',
  ]);
});
