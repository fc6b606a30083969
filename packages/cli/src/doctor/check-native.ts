import { Native, openNative } from '@partway/native/native';
import type { Diagnosis } from './diagnosis.ts';

/** Checks whether a server on this machine can hash parts on native threads. */
export function checkNative(open = () => openNative(1)): Diagnosis {
  const native = open();
  if (native instanceof Native) {
    return { check: 'native', state: 'ok', message: `this machine can hash on native threads (${native.kernel})` };
  }
  return {
    check: 'native',
    state: 'warn',
    message: `the native module cannot be used: ${native.reason}`,
    remedy: 'A server on this machine hashes with Node.js, which needs more CPU time and loses nothing.',
  };
}
