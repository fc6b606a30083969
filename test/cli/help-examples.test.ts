import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { onlySqlite } from '../support/test-database.ts';
import { createProfile, type ExampleServer, startExampleServer, typeExample } from './example-profile.ts';
import { listHelpTexts } from './help-texts.ts';

const HELP_TEXTS = listHelpTexts();

test('every help text has at least two examples, which contain its command', () => {
  assert.ok(HELP_TEXTS.length > 40, `${HELP_TEXTS.length} help texts`);
  for (const { path, examples } of HELP_TEXTS) {
    assert.ok(examples.length >= 2, `${path}: ${examples.length} examples`);
    for (const example of examples) assert.ok(example.includes(path), `${path}: ${example}`);
  }
});

describe('every example of a help text succeeds in a fresh profile:', { skip: onlySqlite }, () => {
  let examples: ExampleServer;
  before(async () => {
    examples = await startExampleServer();
  });
  after(() => examples[Symbol.asyncDispose]());

  for (const { path, examples: lines } of HELP_TEXTS) {
    test(path, async () => {
      for (const line of lines) {
        const { code, output } = await typeExample(line, await createProfile(examples), examples);
        assert.equal(code, 0, `$ ${line}\n${output}`);
      }
    });
  }
});
