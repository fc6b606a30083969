import { BenchBody } from '../body.ts';
import { MIB } from '../support.ts';
import type { LoadOrder, PlannedUpload } from './load.ts';
import { partHeaders } from './partway.ts';
import type { PlannedRequest } from './plan.ts';

/** Partway's part size for a file of 1 GiB. */
const PART = 8 * MIB;

/** A file of its own for each part, as WebDAV stores them. */
export function planFiles(order: LoadOrder): PlannedUpload {
  return plan(order, ({ offset }) => ({ path: `/part-${offset / PART}`, headers: {} }));
}

/** Each part as a range of one file, with its SHA-1. */
export function planRanges(order: LoadOrder): PlannedUpload {
  const body = new BenchBody(PART);
  return plan(order, (part) => ({ path: '/file', headers: partHeaders(body, { ...part, size: order.size }) }));
}

function plan(
  { url, size, connections }: LoadOrder,
  address: (part: { offset: number; length: number }) => Pick<PlannedRequest, 'path' | 'headers'>,
): PlannedUpload {
  const requests = Array.from({ length: Math.ceil(size / PART) }, (_, index) => {
    const offset = index * PART;
    const body = { offset, length: Math.min(PART, size - offset) };
    return { method: 'PUT', ...address(body), status: 201, body };
  });
  return { plan: { url, connections, requests }, partSize: PART };
}
