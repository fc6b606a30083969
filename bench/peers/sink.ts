import { join } from 'node:path';
import { compile } from '../native/compile.ts';
import { type MissingPeer, type Peer, startPeer } from './peer.ts';

/** The sink in C (native/sink.c), which writes the parts of a file, and with `sha1` also verifies the SHA-1 of each. */
export function findSink({ sha1 }: { sha1: boolean }): Peer | MissingPeer {
  const compiled = compile('sink', ['-lcrypto']);
  if ('problem' in compiled) return { missing: compiled.problem };
  return {
    version: 'native/sink.c',
    start: (folder) => startPeer(compiled.path, [...(sha1 ? ['-s'] : []), join(folder, 'sink')]),
  };
}
