import { Refusal } from '@partway/protocol/errors';
import type { FastifyRequest } from 'fastify';
import { BY_NAME, type ItemOrder, type SortBy } from '../../files/paging.ts';

const SORTS = ['name', 'id', 'date', 'size'] as const satisfies readonly SortBy[];

export function isSortBy(text: unknown): text is SortBy {
  return SORTS.some((known) => known === text);
}

/** `sort` and `direction` of a list; by name, ascending, where they are left out. */
export function orderOf(request: FastifyRequest): ItemOrder {
  const { sort, direction } = request.query as { sort?: string; direction?: string };
  const by = sort || BY_NAME.by;
  if (!isSortBy(by)) throw new Refusal('bad_request', `sort is one of ${SORTS.join(', ')}.`);
  const way = String(direction || BY_NAME.direction).toLowerCase();
  if (way !== 'asc' && way !== 'desc') throw new Refusal('bad_request', 'direction is ASC or DESC.');
  return { by, direction: way };
}

/** The `order` of an answer: by type always, then by what was asked for. */
export function renderOrder({ by, direction }: ItemOrder): { by: string; direction: string }[] {
  return [
    { by: 'type', direction: 'ASC' },
    { by, direction: direction.toUpperCase() },
  ];
}
