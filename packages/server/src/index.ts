/**
 * Runs a server inside another program: `await startServer(readConfig({ PARTWAY_DATA: './data' }))`. That program has to
 * set the Node.js flags that `partway serve` sets for its process (docs/operate/install.md).
 */
export { type Config, ConfigError, readConfig } from './config/config.ts';
export type { GivenSettings } from './config/settings.ts';
export { type RunningServer, startServer } from './server.ts';
