import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTests } from '../support/run-tests.ts';

/**
 * Runs the lab: `npm run lab` all clients, `npm run lab -- python curl` those whose names begin so. A client's name is
 * that of its file (`curl.test.ts`, `python-3.lab.ts`), or of its folder where it has several.
 */
const HERE = fileURLToPath(new URL('.', import.meta.url));

interface Client {
  name: string;
  file: string;
}

const clients = readdirSync(HERE, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(test|lab)\.ts$/.test(file) && !file.startsWith('.lab'))
  .sort()
  .map((file): Client => ({ file, name: file.endsWith('.lab.ts') ? basename(file, '.lab.ts') : folderOf(file) }));

function folderOf(file: string): string {
  const [folder = '', ...rest] = file.split('/');
  return rest.length > 0 ? folder : basename(file, '.test.ts');
}

const asked = process.argv.slice(2);
const unknown = asked.filter((prefix) => !clients.some(({ name }) => name.startsWith(prefix)));
if (unknown.length > 0) {
  const names = [...new Set(clients.map(({ name }) => name))];
  console.error(`There is no client ${unknown.join(', ')} in the lab. There are: ${names.join(', ')}`);
  process.exit(2);
}

const chosen = clients.filter(({ name }) => asked.length === 0 || asked.some((prefix) => name.startsWith(prefix)));
// One after the other: each wants the machine for itself.
const options = ['--test-concurrency=1', '--test-reporter=spec'];
process.exitCode = await runTests([...options, ...chosen.map(({ file }) => HERE + file)]);
