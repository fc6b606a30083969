import type { Protocol } from '../load/load.ts';
import { findNginxPeer } from '../peers/nginx.ts';
import type { MissingPeer, Peer } from '../peers/peer.ts';
import { findSink } from '../peers/sink.ts';
import { findTus } from '../peers/tus.ts';
import { findTusd } from '../peers/tusd.ts';
import { MIB, startPartway } from '../support.ts';

/** A server, and how files are sent to it. */
export interface Contender {
  name: string;
  /** What --only selects it by. */
  group: string;
  protocol: Protocol;
  /** For tus: bytes per PATCH. */
  chunk?: number;
  find(): Peer | MissingPeer;
}

/** Their names in results and tables. */
export const PARTWAY = 'partway';
export const NGINX = 'nginx';
export const TUS = '@tus/server';
export const TUSD = 'tusd';

function partway(name: string, native: string, options: { tls?: boolean } = {}): Contender {
  const peer: Peer = {
    version: 'Partway from this repository',
    start: (folder) => startPartway(folder, { PARTWAY_NATIVE: native }, options),
  };
  return { name, group: 'partway', protocol: 'partway', find: () => peer };
}

const CONTENDERS: readonly Contender[] = [
  partway(PARTWAY, 'fd'),
  partway('partway, chunks', 'chunks'),
  partway('partway, native off', 'off'),
  { name: NGINX, group: 'nginx', protocol: 'files', find: findNginxPeer },
  { name: 'sink', group: 'sink', protocol: 'ranges', find: () => findSink({ sha1: false }) },
  { name: 'sink, SHA-1 of parts', group: 'sink', protocol: 'ranges', find: () => findSink({ sha1: true }) },
  { name: TUSD, group: 'tusd', protocol: 'tus', find: findTusd },
  { name: TUS, group: 'tus', protocol: 'tus', find: findTus },
];
const OVER_TLS = partway('partway, TLS', 'fd', { tls: true });
const TUS_CHUNKED: Contender = {
  name: `${TUS}, 64 MiB`,
  group: 'tus',
  protocol: 'tus',
  chunk: 64 * MIB,
  find: findTus,
};

/** A contender that this machine has. */
export type FoundContender = Omit<Contender, 'find'> & Peer;

/** Returns the selected contenders, and prints why others are missing. `only` is a list of groups. */
export function findContenders(options: {
  only?: string | undefined;
  tls: boolean;
  tusChunk: boolean;
}): FoundContender[] {
  const only = options.only?.split(',');
  const all = [...CONTENDERS, ...(options.tls ? [OVER_TLS] : []), ...(options.tusChunk ? [TUS_CHUNKED] : [])];
  const groups = new Set(all.map(({ group }) => group));
  for (const group of only ?? []) if (!groups.has(group)) throw new Error(`--only knows ${[...groups].join(', ')}.`);
  return all
    .filter(({ group }) => only?.includes(group) ?? true)
    .flatMap(({ find, ...contender }) => {
      const found = find();
      if (!('missing' in found)) return [{ ...contender, ...found }];
      console.log(`Left out: ${contender.name}. ${found.missing}`);
      return [];
    });
}
