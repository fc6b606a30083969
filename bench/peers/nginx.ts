import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '../../test/engines/find-free-port.ts';
import { waitUntilListening } from '../../test/engines/nginx.ts';
import { findNginx } from '../../test/engines/nginx-config.ts';
import type { MeasuredServer } from '../support.ts';
import type { MissingPeer, Peer } from './peer.ts';

/** nginx with two workers, which stores what is sent to it with PUT, and serves it. It verifies and syncs nothing. */
export function findNginxPeer(): Peer | MissingPeer {
  const program = findNginx();
  if (program === undefined) return { missing: 'Install it with apt-get install nginx.' };
  const { stderr } = spawnSync(program, ['-V'], { encoding: 'utf8' });
  if (!stderr.includes('--with-http_dav_module')) return { missing: 'This nginx has no http_dav_module.' };
  const [, version = ''] = /nginx\/(\S+)/.exec(stderr) ?? [];
  return { version: `nginx ${version}`, start: (folder) => start(program, folder) };
}

/** The folder whose files it serves. */
export function nginxFiles(folder: string): string {
  return join(folder, 'files');
}

async function start(program: string, folder: string): Promise<MeasuredServer> {
  const port = await findFreePort();
  mkdirSync(nginxFiles(folder), { recursive: true });
  mkdirSync(join(folder, 'temporary'));
  const log = join(folder, 'error.log');
  writeFileSync(join(folder, 'nginx.conf'), renderConfig(folder, port));
  // A group of its own, so that the workers end with it if this process is interrupted.
  const child = spawn(program, ['-e', log, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore', detached: true });
  const pid = child.pid ?? 0;
  const killGroup = () => child.exitCode === null && process.kill(-pid, 'SIGKILL');
  process.once('exit', killGroup);
  const ended = once(child, 'exit').finally(() => process.off('exit', killGroup));
  await waitUntilListening(port, child, log);
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return { url: `http://127.0.0.1:${port}`, token: '', pid, stop };
}

/** One megabyte of buffer for bodies needs less CPU time than the default of 16 KB. */
function renderConfig(folder: string, port: number): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
${process.getuid?.() === 0 ? 'user root;\n' : ''}worker_processes 2;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
${places.map((place) => `    ${place}_temp_path ${folder}/temporary/${place};`).join('\n')}
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    client_max_body_size 0;
    client_body_buffer_size 1m;
    server {
        listen 127.0.0.1:${port};
        root ${nginxFiles(folder)};
        location / { dav_methods PUT; }
    }
}
`;
}
