import { saidDetails } from '@partway/protocol/item-details';
import type { ItemUpdate } from '@partway/protocol/schemas/items';
import type { FastifyRequest } from 'fastify';
import type { ItemChange } from '../../files/update-item.ts';
import { knownFolderId } from './ids.ts';

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
