import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SETTINGS } from '../../packages/server/src/config/settings.ts';
import { readSettingsPage, withSettingsTable } from '../../scripts/settings-table.ts';

test('docs/operate/settings.md has the settings, defaults and descriptions that the server uses', () => {
  const page = readSettingsPage();
  assert.equal(page, withSettingsTable(page), 'run npm run docs:settings');
  for (const { env } of SETTINGS) assert.ok(page.includes(`| \`${env}\` |`), env);
});

test('a page without a place for the table is rejected', () => {
  assert.throws(() => withSettingsTable('# Settings\n'), /no place for the generated table/);
});
