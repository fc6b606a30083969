import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What of the examples in `deploy/nginx` is changed so that nginx can run anywhere, as any user. */
export interface NginxPlan {
  /** Where its configuration and all that it writes goes. */
  folder: string;
  port: number;
  /** Addresses of nodes, as host:port; those in `down` get no new request. */
  nodes: readonly string[];
  down?: readonly string[];
  /** Closes the connection of a client after each answer, so that none is closed at the moment in which it is used again. */
  oneRequestAConnection?: boolean;
  /** PEM files, with which it speaks TLS and nothing else. */
  tls?: { cert: string; key: string };
  /** The file with the nodes, below `deploy/`; `nginx/upstream.conf` unless given. */
  upstream?: string;
}

/** nginx's program, which Debian keeps out of the PATH of ordinary users; undefined where there is none. */
export function findNginx(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return folders.map((folder) => join(folder, 'nginx')).find((path) => existsSync(path));
}

/** Writes the examples of `deploy/` with these ports and addresses, and a main file around them; gives its path. */
export function writeNginxConfig({ folder, port, nodes, down = [], ...plan }: NginxPlan): string {
  const { tls, upstream, oneRequestAConnection = false } = plan;
  mkdirSync(join(folder, 'temporary'), { recursive: true });
  const secure = tls && `    ssl_certificate ${tls.cert};\n    ssl_certificate_key ${tls.key};`;
  const listen = `    listen 127.0.0.1:${port}${secure === undefined ? ';' : ` ssl;\n${secure}`}`;
  const server = changed(example('nginx/partway.conf'), [
    [/^ {4}listen 80;$/m, listen],
    [/\/var\/log\/nginx/g, folder],
  ]);
  const servers = nodes.map(
    (node) => `    server ${node} max_fails=3 fail_timeout=5s${down.includes(node) ? ' down' : ''};`,
  );
  const nodesOf = changed(example(upstream ?? 'nginx/upstream.conf'), [
    [/^(?: {4}server .*\n)+/m, `${servers.join('\n')}\n`],
  ]);
  writeFileSync(join(folder, 'partway.conf'), server);
  writeFileSync(join(folder, 'upstream.conf'), nodesOf);
  const main = join(folder, 'nginx.conf');
  writeFileSync(main, mainFile(folder, oneRequestAConnection ? 0 : 75));
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

/** Each of these is there, or the examples have moved away from under the tests. */
function changed(text: string, changes: readonly [RegExp, string][]): string {
  return changes.reduce((before, [what, by]) => {
    const after = before.replace(what, by);
    if (after === before) throw new Error(`${what} is not in the example any more`);
    return after;
  }, text);
}
