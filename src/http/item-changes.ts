import type { FastifyRequest } from 'fastify';
import { saidDetails } from '../api/item-details.ts';
import type { ItemUpdate } from '../api/schemas/items.ts';
import type { ItemChange } from '../files/update-item.ts';
import { knownFolderId } from './item-ids.ts';

/** What a body says about a file's or folder's name, place, description and details. What is null stays as it is. */
export function itemChangeOf(request: FastifyRequest, body: ItemUpdate): ItemChange {
  const { name, description, parent } = body;
  return {
    ...(name != null && { name }),
    ...(description != null && { description }),
    ...(parent != null && { folderId: knownFolderId(request, parent.id) }),
    details: saidDetails({ tags: body.tags }),
  };
}

/** Where a body puts a copy or a restored item: a folder, and a name where one is given. */
export function placeOf(
  request: FastifyRequest,
  { name, parent }: { name?: string | null; parent: { id: string | number } },
): { folderId: ReturnType<typeof knownFolderId>; name?: string } {
  return { folderId: knownFolderId(request, parent.id), ...(name != null && { name }) };
}
