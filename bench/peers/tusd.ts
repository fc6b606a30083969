import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type MissingPeer, type Peer, startPeer } from './peer.ts';

const MODULE = 'github.com/tus/tusd/v2/cmd/tusd@latest';
/** Outside the repository, so that it is installed once. */
const FOLDER = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'partway-bench', 'bin');
const PROGRAM = join(FOLDER, 'tusd');

/** tusd with its file store, installed with Go at the first use. */
export function findTusd(): Peer | MissingPeer {
  if (spawnSync('go', ['version']).error !== undefined)
    return { missing: 'It is installed with Go, which is missing.' };
  if (!existsSync(PROGRAM)) {
    console.log('Installing tusd with Go. This can take minutes.');
    mkdirSync(FOLDER, { recursive: true });
    const { status, stderr } = spawnSync('go', ['install', MODULE], {
      env: { ...process.env, GOBIN: FOLDER },
      encoding: 'utf8',
    });
    if (status !== 0) return { missing: `Go could not install it: ${stderr.trim().split('\n').at(-1)}` };
  }
  const [, version = ''] =
    /^\s+mod\s+\S+\s+v(\S+)/m.exec(execFileSync('go', ['version', '-m', PROGRAM], { encoding: 'utf8' })) ?? [];
  const options = ['-host', '127.0.0.1', '-port', '0', '-base-path', '/files/', '-verbose=false'];
  return {
    version: `tusd ${version}`,
    start: (folder) => startPeer(PROGRAM, [...options, '-upload-dir', folder]),
  };
}
