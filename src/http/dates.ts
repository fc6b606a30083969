import type { Millis } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';

/** RFC 3339 in UTC without a fraction, the only form that every client reads. */
export function wireDate(at: Millis): string {
  return `${new Date(Math.floor(at / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})$/i;

/** A date that a client sent, to the second. Refuses what is none, naming the field. */
export function parseWireDate(field: string, value: unknown): Millis {
  const at = typeof value === 'string' && RFC_3339.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) throw new Refusal('bad_request', `${field} must be a date like 2026-11-22T15:00:00Z.`);
  return Math.floor(at / 1000) * 1000;
}
