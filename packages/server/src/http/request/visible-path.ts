import type { ItemId } from '@partway/protocol/ids';
import type { FolderEntry } from '../../files/find.ts';
import type { View } from '../hooks/permissions.ts';

type Path = FolderEntry['path'];

const NONE: Path = [];
/** Cached because the entries of a page share their path. */
const visiblePaths = new WeakMap<Path, { restrictedTo: ItemId; path: Path }>();

/**
 * The parent folders of an item that the caller's token can see. A restricted token does not reveal the folders above
 * the one that it is restricted to, not even their names.
 */
export function visiblePath({ item, path, restrictedTo }: FolderEntry & View): Path {
  if (restrictedTo === undefined) return path;
  if (item.id === restrictedTo) return NONE;
  const cached = visiblePaths.get(path);
  if (cached?.restrictedTo === restrictedTo) return cached.path;
  const first = path.findIndex(({ id }) => id === restrictedTo);
  const visible = first === -1 ? NONE : path.slice(first);
  visiblePaths.set(path, { restrictedTo, path: visible });
  return visible;
}
