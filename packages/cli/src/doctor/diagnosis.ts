/** The result of one check. */
export interface Diagnosis {
  check: 'node' | 'native' | 'server' | 'address' | 'tls' | 'token' | 'clock' | 'links' | 'folder' | 'disk' | 'sync';
  state: 'ok' | 'warn' | 'fail';
  message: string;
  /** What to do; with `warn` and `fail`. */
  remedy?: string;
}
