import { readFileSync } from 'node:fs';

/** Whether this processor has the SHA-1 instructions that the native module uses. */
export function hasSha1Instructions(): boolean {
  return /^(flags|Features)\s*:.* (sha_ni|sha1)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
}
