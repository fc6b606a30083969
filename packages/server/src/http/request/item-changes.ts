import { pickDetails } from '@partway/protocol/item-details';
import type { ItemUpdate } from '@partway/protocol/schemas/items';
import type { FastifyRequest } from 'fastify';
import { BY_NAME, type ItemOrder, type SortBy } from '../../files/paging.ts';
import type { ItemChange } from '../../files/update-item.ts';
import { ApiError } from '../api-error.ts';
import { parseFolderIdValue } from './ids.ts';

/** What a body says about a file's or folder's name, place, description and details. What is null stays as it is. */
export function parseItemChange(request: FastifyRequest, body: ItemUpdate): ItemChange {
  const { name, description, parent } = body;
  return {
    ...(name != null && { name }),
    ...(description != null && { description }),
    ...(parent != null && { folderId: parseFolderIdValue(request, parent.id) }),
    details: pickDetails({ tags: body.tags }),
  };
}

/** Where a body puts a copy or a restored item: a folder, and a name where one is given. */
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

/** `sort` and `direction` of a list; by name, ascending, where they are left out. */
export function parseOrder(request: FastifyRequest): ItemOrder {
  const { sort, direction } = request.query as { sort?: string; direction?: string };
  const by = sort || BY_NAME.by;
  if (!isSortBy(by)) throw new ApiError('bad_request', `sort is one of ${SORTS.join(', ')}.`);
  const way = String(direction || BY_NAME.direction).toLowerCase();
  if (way !== 'asc' && way !== 'desc') throw new ApiError('bad_request', 'direction is ASC or DESC.');
  return { by, direction: way };
}

/** The `order` of an answer: by type always, then by what was asked for. */
export function renderOrder({ by, direction }: ItemOrder): { by: string; direction: string }[] {
  return [
    { by: 'type', direction: 'ASC' },
    { by, direction: direction.toUpperCase() },
  ];
}
