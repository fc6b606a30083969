import type { Cluster } from './cluster.ts';

/** The number of parts that each node has accepted according to the load balancer's log; of one session, or of all. */
export function countPartsByNode({ nginx }: Pick<Cluster, 'nginx'>, session = '[0-9A-F]{32}'): Map<string, number> {
  const counts = new Map<string, number>();
  const part = new RegExp(`"PUT (?:/api)?/2\\.0/files/upload_sessions/${session} \\S+" 200 .* node=(\\S+)`);
  for (const line of nginx.log()) {
    const node = part.exec(line)?.[1];
    if (node !== undefined) counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return counts;
}
