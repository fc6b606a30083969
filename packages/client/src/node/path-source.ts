import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { SourceIdentity } from '../state.ts';
import type { UploadSource } from '../upload/source.ts';
import type { PartMemory } from './part-memory.ts';
import { readPath } from './read-path.ts';

/** A file on the disk. @throws where it cannot be read or is none. */
export async function pathSource(given: string, pool: PartMemory): Promise<UploadSource> {
  const path = resolve(given);
  const identity = await identify(path);
  return {
    identity,
    name: basename(path),
    repeatable: true,
    again: () => pathSource(path, pool),
    whole: () => readFile(path),
    open: async (plan) => readPath(path, pool, plan),
    async isUnchanged() {
      const now = await identify(path).catch(() => undefined);
      return now?.size === identity.size && now.modifiedAt === identity.modifiedAt;
    },
  };
}

async function identify(path: string): Promise<SourceIdentity> {
  const found = await stat(path);
  if (!found.isFile()) throw new TypeError(`${path} is not a file.`);
  return { kind: 'path', name: path, size: found.size, modifiedAt: found.mtimeMs };
}
