/**
 * A server within another program: `await startServer(readConfig({ PARTWAY_DATA: './data' }))`. The flags that
 * `partway serve` gives its process are that program's own to set (docs/operate/install.md).
 */
export { type Config, ConfigError, readConfig } from './config/config.ts';
export type { GivenSettings } from './config/settings.ts';
export { type RunningServer, startServer } from './server.ts';
