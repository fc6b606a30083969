import { labSuite } from '../lab-suite.ts';
import { requiredFiles, runPython } from './program.ts';

const needs = requiredFiles('python-10');

labSuite('boxsdk 10, the generated Python SDK', needs, async (t) => {
  await runPython(t, 'boxsdk_10.py', { environment: 'python-10' });
});

labSuite('boxsdk 10, a new version of a big file with /plan', needs, async (t) => {
  await runPython(t, 'boxsdk_10_plan.py', { environment: 'python-10' });
});
