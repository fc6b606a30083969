import { join, resolve } from 'node:path';
import type { CallOptions, NodeClient } from '@partway/client/node/index';
import { trimSlashes } from '@partway/protocol/text';
import { EXIT, Failure } from '../../exit-codes.ts';
import { getItem, type Item } from '../../remote/find-item.ts';
import { type ListedItem, listItems } from '../../remote/list-items.ts';
import type { Wanted } from './download-file.ts';
import { SamePlaceError, type TakenPaths } from './local-claims.ts';
import { ensureLocalFolder, ensureNamedFolder } from './local-folder.ts';
import { localName, localTarget } from './local-target.ts';

/** A file on the server that is to come here. */
export interface RemoteFile {
  /** What it is called where people see it: its place as it was given, with what is below that. */
  label: string;
  wanted: Wanted;
  /** Bytes. */
  size: number;
  /** Its path here. */
  target: string;
  /** Called when it is here, or has failed. */
  over(): void;
}

/** What is met on the way: a file, something that is passed over, or something that cannot be had. */
type FoundThere =
  | { kind: 'file'; file: RemoteFile }
  | { kind: 'passed-over'; label: string; why: string }
  | { kind: 'trouble'; label: string; error: unknown };

export interface Places {
  client: NodeClient;
  /** The folder here or, of a single file, its path here. */
  to: string | undefined;
  version: string | undefined;
  recursive: boolean;
  signal: AbortSignal;
  taken: TakenPaths;
}

/**
 * The files that these places name, in their order, and below a folder page by page; folders are made here on the way, empty
 * ones too. Trouble with one keeps none of the others from their turn.
 */
export async function* remoteFiles(order: Places, places: readonly string[]): AsyncGenerator<FoundThere> {
  for (const place of places) {
    try {
      yield* named(order, place, places.length > 1);
    } catch (error) {
      yield troubleWith(place, error);
    }
  }
}

async function* named(order: Places, place: string, several: boolean): AsyncGenerator<FoundThere> {
  const { client, to, version, recursive } = order;
  const options = { signal: order.signal };
  const item = await getItem(client, place, undefined, undefined, options);
  if (item.type === 'file') {
    const wanted = await wantedFile(client, item.id, version, options);
    if (recursive && to !== undefined) await ensureNamedFolder(resolve(to));
    const target = await localTarget(to, wanted.name);
    const over = await order.taken.take(target, { label: place, id: item.id, kind: 'file' });
    yield { kind: 'file', file: { label: place, wanted, size: wanted.size, target, over } };
    return;
  }
  if (!recursive) {
    throw new Failure(EXIT.usage, 'It is a folder: with --recursive it comes with all that is in it.');
  }
  // Where to is the user's word, through links too; what is below it is the server's.
  const folder = resolve(to ?? '.');
  await ensureNamedFolder(folder);
  const here = item.id === '0' ? folder : join(folder, localName(item.name));
  if (item.id !== '0') {
    const made = await order.taken.take(here, { label: place, id: item.id, kind: 'folder' });
    await ensureLocalFolder(here).finally(made);
  }
  yield* below(order, item, { label: trimSlashes(place), here, above: new Set(), several });
}

interface Level {
  label: string;
  here: string;
  /** Ids of the folders above it. */
  above: ReadonlySet<string>;
  /** Whether something else of the run may come into it later. */
  several: boolean;
}

async function* below(order: Places, { id }: Item, { label, here, above, several }: Level): AsyncGenerator<FoundThere> {
  if (above.has(id)) throw new Failure(EXIT.failed, 'The server says that this folder is in itself.');
  for await (const item of listItems(order.client, id, { signal: order.signal })) {
    if (order.signal.aborted) return;
    const inner = `${label}/${item.name}`;
    try {
      const path = join(here, localName(item.name));
      if (item.type === 'folder') {
        const made = await order.taken.take(path, { label: inner, id: item.id, kind: 'folder' });
        await ensureLocalFolder(path).finally(made);
        yield* below(order, item, { label: inner, here: path, above: new Set([...above, id]), several });
      } else if (item.type === 'file') {
        const wanted = wantedOf(item);
        const over = await order.taken.take(path, { label: inner, id: item.id, kind: 'file' });
        yield { kind: 'file', file: { label: inner, wanted, size: item.size, target: path, over } };
      } else yield { kind: 'passed-over', label: inner, why: 'it is neither a file nor a folder' };
    } catch (error) {
      yield troubleWith(inner, error);
    }
  }
  if (!several) order.taken.release(here);
}

function troubleWith(label: string, error: unknown): FoundThere {
  if (error instanceof SamePlaceError && error.isSame)
    return { kind: 'passed-over', label, why: 'it was named before' };
  return { kind: 'trouble', label, error };
}

function wantedOf({ id, versionId, size, sha1, contentModifiedAt }: ListedItem): Wanted {
  if (versionId === undefined || sha1 === undefined) throw new Error('The server does not say which version this is.');
  return { fileId: id, versionId, size, sha1, modifiedAt: contentModifiedAt };
}

/** What a server says of a file, or of an earlier version of it. */
async function wantedFile(
  client: NodeClient,
  id: string,
  version: string | undefined,
  options: CallOptions,
): Promise<Wanted & { name: string }> {
  const file = await client.files.getFileById(id, options);
  if (version === undefined || version === file.file_version.id) {
    const { size, sha1, name, file_version: current, content_modified_at: modifiedAt } = file;
    return { fileId: id, versionId: current.id, size, sha1, name, modifiedAt };
  }
  const { size, sha1, name } = await client.fileVersions.getFileVersionById(id, version, options);
  return { fileId: id, versionId: version, size, sha1, name, modifiedAt: null };
}
