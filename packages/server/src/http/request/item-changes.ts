import { pickDetails } from '@partway/protocol/item-details';
import type { ItemUpdate } from '@partway/protocol/schemas/items';
import type { FastifyRequest } from 'fastify';
import { BY_NAME, type ItemOrder, type SortBy } from '../../files/paging.ts';
import type { ItemChange } from '../../files/update-item.ts';
import { ApiError } from '../api-error.ts';
import { parseFolderIdValue } from './ids.ts';

/** Parses the changes that apply to files and folders alike. Null means no change, as if the field were missing. */
export function parseItemChange(request: FastifyRequest, body: ItemUpdate): ItemChange {
  const { name, description, parent } = body;
  return {
    ...(name != null && { name }),
    ...(description != null && { description }),
    ...(parent != null && { folderId: parseFolderIdValue(request, parent.id) }),
    details: pickDetails({ tags: body.tags }),
  };
}

/** Parses the target folder and the optional name of a copy. */
export function parsePlace(
  request: FastifyRequest,
  { name, parent }: { name?: string | null; parent: { id: string | number } },
): { folderId: ReturnType<typeof parseFolderIdValue>; name?: string } {
  return { folderId: parseFolderIdValue(request, parent.id), ...(name != null && { name }) };
}

const SORTS = ['name', 'id', 'date', 'size'] as const satisfies readonly SortBy[];

export function isSortBy(text: unknown): text is SortBy {
  return SORTS.some((known) => known === text);
}

/** Parses `sort` and `direction` of a list. Defaults to ascending names. */
export function parseOrder(request: FastifyRequest): ItemOrder {
  const { sort, direction } = request.query as { sort?: string; direction?: string };
  const by = sort || BY_NAME.by;
  if (!isSortBy(by)) throw new ApiError('bad_request', `sort must be one of ${SORTS.join(', ')}.`);
  const lowercase = String(direction || BY_NAME.direction).toLowerCase();
  if (lowercase !== 'asc' && lowercase !== 'desc') {
    throw new ApiError('bad_request', 'direction must be ASC or DESC.');
  }
  return { by, direction: lowercase };
}

/** Renders the `order` of a list, which always starts with the type. */
export function renderOrder({ by, direction }: ItemOrder): { by: string; direction: string }[] {
  return [
    { by: 'type', direction: 'ASC' },
    { by, direction: direction.toUpperCase() },
  ];
}
