import { globSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { TextlintKernel } from '@textlint/kernel';
import markdown from '@textlint/textlint-plugin-markdown';
import { RULES } from './prose/rules.ts';
import { TYPESCRIPT } from './prose/typescript-plugin.ts';

/**
 * `npm run check:prose`: checks the English of the documentation and the sources. `npm run check:prose -- FILE…` checks
 * only these files. In sources, it reads comments and strings. CONTRIBUTING.md says how to write.
 */
const PAGES = [
  ...['*.md', 'docs/**/*.md', 'deploy/**/*.md', 'examples/**/*.md', 'test/**/*.md'],
  'test/**/*.ts',
  'packages/*/{bin,src}/**/*.{ts,js}',
  '{bench,scripts}/**/*.ts',
];
/** Installed, or a list of what is to be avoided; and files with a shell script or a configuration in a string. */
const SKIPPED = [
  ...['test/clients/.lab/**', 'scripts/prose/vocabulary.ts'],
  ...['test/cli/completion.test.ts', 'test/engines/ceph.ts', 'test/prose/**'],
];

const kernel = new TextlintKernel();
const given = process.argv.slice(2);
const files = given.length > 0 ? given : globSync(PAGES, { exclude: SKIPPED }).sort();
let found = 0;
for (const file of files) {
  const { messages } = await kernel.lintText(readFileSync(file, 'utf8'), {
    filePath: file,
    ext: extname(file),
    plugins: [{ pluginId: 'markdown', plugin: markdown.default }, TYPESCRIPT],
    rules: RULES,
  });
  found += messages.length;
  for (const { loc, message, ruleId } of messages) {
    console.log(`${file}:${loc.start.line}:${loc.start.column}  ${message} (${ruleId})`);
  }
}
console.log(`${files.length} files checked, ${found} findings`);
if (found > 0) process.exitCode = 1;
