import { canTrace } from './strace.ts';

/** Why tests that record system calls are skipped; false if they are not, as in CI, which has to install strace. */
export const skipUntraced: string | false =
  canTrace() || process.env.CI === 'true' ? false : 'this records system calls with strace, which cannot run here';
