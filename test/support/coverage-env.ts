/**
 * For processes that tests start with an environment of their own: what has them write down which code they ran, if that is
 * asked for (`test/mutation/run.ts`).
 */
export const COVERAGE_ENV: Readonly<Record<string, string>> = Object.fromEntries(
  ['NODE_V8_COVERAGE', 'NODE_DISABLE_COMPILE_CACHE'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);
