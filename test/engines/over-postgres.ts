import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { startMigratedPostgres } from './migrated-postgres.ts';

/**
 * `npm run test:postgres`: starts a PostgreSQL, runs the suites over it that run over SQLite otherwise, and stops it.
 * `npm run test:postgres -- test/http/users.test.ts` runs these files only.
 */
const SUITES = ['access', 'check', 'faults', 'files', 'http', 'sql', 'uploads'].map(
  (room) => `test/${room}/**/*.test.ts`,
);

const asked = process.argv.slice(2);
await using postgres = await startMigratedPostgres();
const suites = spawn(
  process.execPath,
  ['--test', '--test-concurrency=3', ...(asked.length > 0 ? asked : [...SUITES, 'test/*.test.ts'])],
  {
    stdio: 'inherit',
    env: { ...process.env, PARTWAY_TEST_DATABASE: postgres.template },
  },
);
const [code] = await once(suites, 'exit');
process.exitCode = code ?? 1;
