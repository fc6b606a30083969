/**
 * Environment variables for processes that tests start with their own environment: makes them record code coverage if
 * it is requested (`test/mutation/run.ts`).
 */
export const COVERAGE_ENV: Readonly<Record<string, string>> = Object.fromEntries(
  ['NODE_V8_COVERAGE', 'NODE_DISABLE_COMPILE_CACHE'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);
