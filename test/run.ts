import { runTests } from './support/run-tests.ts';

/** `npm test`; `npm test -- FILE` runs these files only. */
const given = process.argv.slice(2);
process.exitCode = await runTests(given.length > 0 ? given : ['test/**/*.test.ts']);
