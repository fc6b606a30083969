import { runTests } from '../support/run-tests.ts';
import { startMigratedPostgres } from './migrated-postgres.ts';

/**
 * `npm run test:postgres`: starts a PostgreSQL, runs the suites on it that use SQLite by default, and stops it. `npm
 * run test:postgres -- test/http/users.test.ts` runs only these files.
 */
const SUITES = ['auth', 'database', 'faults', 'files', 'fsck', 'http', 'jobs', 'time', 'uploads'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);

const asked = process.argv.slice(2);
await using postgres = await startMigratedPostgres();
process.exitCode = await runTests(asked.length > 0 ? asked : SUITES, {
  env: { ...process.env, PARTWAY_TEST_DATABASE: postgres.template },
});
