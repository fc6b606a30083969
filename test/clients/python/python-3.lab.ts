import { labSuite } from '../lab-suite.ts';
import { requiredFiles, runPython } from './program.ts';

labSuite('boxsdk 3, the legacy Python SDK, over TLS', requiredFiles('python-3'), async (t) => {
  await runPython(t, 'boxsdk_3.py', { environment: 'python-3', tls: true });
});
