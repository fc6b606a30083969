import type { ItemId } from '@partway/protocol/ids';
import type { FolderEntry } from '../../files/find.ts';
import type { View } from '../hooks/permissions.ts';

type Path = FolderEntry['path'];

const NONE: Path = [];
/** Entries of a page share their path, so they share what is seen of it, too. */
const seen = new WeakMap<Path, { restrictedTo: ItemId; path: Path }>();

/**
 * The folders above an item as far as the caller's token reaches: from the one it is bound to on, or none if it is bound
 * to the item itself. What lies above is nobody's business who has that token, not even its name.
 */
export function visiblePath({ item, path, restrictedTo }: FolderEntry & View): Path {
  if (restrictedTo === undefined) return path;
  if (item.id === restrictedTo) return NONE;
  const known = seen.get(path);
  if (known?.restrictedTo === restrictedTo) return known.path;
  const first = path.findIndex(({ id }) => id === restrictedTo);
  const visible = first === -1 ? NONE : path.slice(first);
  seen.set(path, { restrictedTo, path: visible });
  return visible;
}
