import { readFileSync } from 'node:fs';
import { here } from '../support.ts';
import { type Peer, startPeer } from './peer.ts';

/** @tus/server with its file store, which is a dependency for development. */
export function findTus(): Peer {
  const manifest = readFileSync(here('../node_modules/@tus/server/package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  return {
    version: `@tus/server ${version}`,
    start: (folder) => startPeer(process.execPath, [here('peers/tus-server.ts'), folder]),
  };
}
