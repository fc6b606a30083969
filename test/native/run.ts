import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runTests } from '../support/run-tests.ts';

/**
 * `npm run test:native`: runs the tests of the native module, and of what uses it, with a build that finds wrong memory
 * accesses and undefined behavior (AddressSanitizer and UndefinedBehaviorSanitizer), and ends the process at the first one.
 * Also runs the binaries for the package, which are built without sanitizers.
 */
const SUITES = [
  ...['native', 'hash-workers', 'storage', 'uploads'].map((folder) => `test/${folder}/**/*.test.ts`),
  'test/native/prebuilt.native.ts',
];
const FOLDER = fileURLToPath(new URL('../../packages/native/', import.meta.url));

execFileSync(process.execPath, [`${FOLDER}build.js`, '--sanitize'], { stdio: 'inherit' });
const compiler = process.env.CC || 'cc';
const libraries = ['libasan.so', 'libubsan.so'].map((name) =>
  execFileSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
);
const given = process.argv.slice(2);
process.exitCode = await runTests(given.length > 0 ? given : SUITES, {
  env: {
    ...process.env,
    PARTWAY_TEST_NATIVE: `${FOLDER}build/sanitized.node`,
    LD_PRELOAD: libraries.join(':'),
    // Node.js frees little of its memory when it exits.
    ASAN_OPTIONS: 'detect_leaks=0',
  },
});
