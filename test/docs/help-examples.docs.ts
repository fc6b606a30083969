import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { onlySqlite } from '../support/test-database.ts';
import { createProfile, type ExampleServer, startExampleServer, typeExample } from './example-profile.ts';
import { listHelpTexts } from './help-texts.ts';

const HELP_TEXTS = listHelpTexts();

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
