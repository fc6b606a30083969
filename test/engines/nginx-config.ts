import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Changes to the examples in `deploy/nginx` so that nginx can run anywhere, as any user. */
export interface NginxPlan {
  /** The folder of its configuration and of everything that it writes. */
  folder: string;
  port: number;
  /** Addresses of nodes, as host:port; those in `down` get no new requests. */
  nodes: readonly string[];
  down?: readonly string[];
  /** Closes a client's connection after each response, so that none is closed at the moment when it is reused. */
  oneRequestPerConnection?: boolean;
  /** PEM files for TLS, which is then the only protocol. */
  tls?: { cert: string; key: string };
  /** The file with the nodes, below `deploy/`; by default `nginx/upstream.conf`. */
  upstream?: string;
}

/** nginx's program, which Debian does not have in the PATH of ordinary users; undefined if there is none. */
export function findNginx(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return folders.map((folder) => join(folder, 'nginx')).find((path) => existsSync(path));
}

/**
 * Writes the examples of `deploy/` with these ports and addresses, and a main file that includes them; returns its
 * path.
 */
export function writeNginxConfig({ folder, port, nodes, down = [], ...plan }: NginxPlan): string {
  const { tls, upstream, oneRequestPerConnection = false } = plan;
  mkdirSync(join(folder, 'temporary'), { recursive: true });
  const secure = tls && `    ssl_certificate ${tls.cert};\n    ssl_certificate_key ${tls.key};`;
  const listen = `    listen 127.0.0.1:${port}${secure === undefined ? ';' : ` ssl;\n${secure}`}`;
  const server = applyChanges(example('nginx/partway.conf'), [
    [/^ {4}listen 80;$/m, listen],
    [/\/var\/log\/nginx/g, folder],
  ]);
  const servers = nodes.map(
    (node) => `    server ${node} max_fails=3 fail_timeout=5s${down.includes(node) ? ' down' : ''};`,
  );
  const nodesOf = applyChanges(example(upstream ?? 'nginx/upstream.conf'), [
    [/^(?: {4}server .*\n)+/m, `${servers.join('\n')}\n`],
  ]);
  writeFileSync(join(folder, 'partway.conf'), server);
  writeFileSync(join(folder, 'upstream.conf'), nodesOf);
  const main = join(folder, 'nginx.conf');
  writeFileSync(main, mainFile(folder, oneRequestPerConnection ? 0 : 75));
  return main;
}

function mainFile(folder: string, keepaliveSeconds: number): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
worker_processes 2;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log info;
events { worker_connections 1024; }
http {
${places.map((place) => `    ${place}_temp_path ${folder}/temporary/${place};`).join('\n')}
    access_log off;
    keepalive_timeout ${keepaliveSeconds};
    include ${folder}/upstream.conf;
    include ${folder}/partway.conf;
}
`;
}

function example(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../deploy/${path}`, import.meta.url)), 'utf8');
}

/** Applies the changes; throws if an example no longer contains what a change replaces. */
function applyChanges(text: string, changes: readonly [RegExp, string][]): string {
  return changes.reduce((before, [what, by]) => {
    const after = before.replace(what, by);
    if (after === before) throw new Error(`${what} is no longer in the example`);
    return after;
  }, text);
}
