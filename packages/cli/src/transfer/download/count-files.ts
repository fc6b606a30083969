import type { NodeClient } from '@partway/client/node/index';
import type { Total } from '../../output/transfer-report.ts';
import { expandPath, type NamedItem } from '../../remote/globs.ts';
import { walkRemoteTree } from '../../remote/walk-tree.ts';
import type { Filter } from '../filter/filter.ts';

interface Count {
  client: NodeClient;
  filter: Filter;
  signal: AbortSignal;
}

/** Counts the files at these paths on the server, and in the folders among them. */
export async function countRemoteFiles({ client, filter, signal }: Count, paths: readonly string[]): Promise<Total> {
  const total = { files: 0, bytes: 0 };
  const add = (size: number) => {
    total.files += 1;
    total.bytes += size;
  };
  const items: NamedItem[] = [];
  for (const path of paths) items.push(...(await expandPath(client, path, { signal })));
  for (const { type, id } of items) {
    if (type === 'file') add((await client.files.getFileById(id, { signal, queryParams: { fields: ['size'] } })).size);
    else {
      const found = (_: string, item: { type: string; size: number }) => {
        if (item.type === 'file') add(item.size);
      };
      await walkRemoteTree({ client, filter, signal, found, excluded() {} }, id);
    }
  }
  return total;
}
