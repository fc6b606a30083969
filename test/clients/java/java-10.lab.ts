import { installed, labSuite } from '../lab-suite.ts';
import { runJava } from './program.ts';

labSuite(
  'com.box:box-java-sdk, the generated SDK (com.box.sdkgen), over TLS',
  [installed('java-10/.finished')],
  async (t) => {
    await runJava(t, 'GeneratedSdk', 'java-10');
  },
);
