import type { Diagnosis } from './diagnosis.ts';

const MIN_MAJOR = 24;

/** Checks the version of Node.js. */
export function checkNode(version: string = process.versions.node): Diagnosis {
  const major = Number(version.split('.')[0]);
  if (major < MIN_MAJOR) {
    return {
      check: 'node',
      state: 'fail',
      message: `Node.js ${version}`,
      remedy: `Install Node.js ${MIN_MAJOR} or later.`,
    };
  }
  if (major % 2 === 1) {
    const remedy = `Node.js ${major} is supported for only half a year. Use an even version, such as ${MIN_MAJOR}.`;
    return { check: 'node', state: 'warn', message: `Node.js ${version}`, remedy };
  }
  return { check: 'node', state: 'ok', message: `Node.js ${version}` };
}
