import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTests } from '../support/run-tests.ts';

/**
 * Runs the lab: `npm run lab` for all clients, `npm run lab -- python curl` for those whose names start with these
 * words. A client's name is that of its file (`curl.test.ts`, `python-3.lab.ts`), or of its folder if it has several
 * files.
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

const requested = process.argv.slice(2);
const unknown = requested.filter((prefix) => !clients.some(({ name }) => name.startsWith(prefix)));
if (unknown.length > 0) {
  const names = [...new Set(clients.map(({ name }) => name))];
  console.error(`There is no client ${unknown.join(', ')} in the lab. There are: ${names.join(', ')}`);
  process.exit(2);
}

const selected = clients.filter(
  ({ name }) => requested.length === 0 || requested.some((prefix) => name.startsWith(prefix)),
);
// One after the other, because each client uses the whole machine.
const options = ['--test-concurrency=1', '--test-reporter=spec'];
process.exitCode = await runTests([...options, ...selected.map(({ file }) => HERE + file)]);
