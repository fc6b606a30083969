import { installed, labSuite } from '../lab-suite.ts';
import { runJava } from './program.ts';

labSuite('com.box:box-java-sdk 4, the legacy SDK, over TLS', [installed('java-4/.finished')], async (t) => {
  await runJava(t, 'LegacySdk', 'java-4');
});
