/**
 * A server within another program: `await startServer(readConfig({ PARTWAY_DATA: './data' }))`. The flags that
 * `partway serve` gives its process are that program's own to set (docs/operating.md).
 */
export { type Config, ConfigError, readConfig } from './config.ts';
export { type RunningServer, startServer } from './main.ts';
export type { GivenSettings } from './settings.ts';
