/** What one check found. */
export interface Diagnosis {
  check: 'node' | 'server' | 'address' | 'tls' | 'token' | 'clock' | 'links' | 'folder' | 'disk' | 'sync';
  state: 'ok' | 'warn' | 'fail';
  /** What is so. */
  message: string;
  /** What to do about it; with `warn` and `fail`. */
  remedy?: string;
}
