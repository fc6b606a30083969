import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listHelpTexts } from '../docs/help-texts.ts';

test('every help text has at least two examples, and one of them is for the command itself', () => {
  const texts = listHelpTexts();
  assert.ok(texts.length > 40, `${texts.length} help texts`);
  for (const { path, examples } of texts) {
    assert.ok(examples.length >= 2, `${path}: ${examples.length} examples`);
    assert.ok(
      examples.some((example) => example.includes(path)),
      `${path}: ${examples.join('; ')}`,
    );
  }
});
