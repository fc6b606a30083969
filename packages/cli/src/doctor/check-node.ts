import type { Diagnosis } from './diagnosis.ts';

const LEAST = 24;

/** The Node that runs this. */
export function checkNode(version: string = process.versions.node): Diagnosis {
  const major = Number(version.split('.')[0]);
  if (major < LEAST) {
    return { check: 'node', state: 'fail', message: `Node ${version}`, remedy: `Install Node ${LEAST} or later.` };
  }
  if (major % 2 === 1) {
    const remedy = `Node ${major} is supported for half a year only; use an even version, such as ${LEAST}.`;
    return { check: 'node', state: 'warn', message: `Node ${version}`, remedy };
  }
  return { check: 'node', state: 'ok', message: `Node ${version}` };
}
