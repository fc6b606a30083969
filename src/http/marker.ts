import { Refusal } from '../api/refusal.ts';
import type { Marker } from '../files/list-folder.ts';

/** A place in a folder's order as text that means nothing to clients. */
export function renderMarker({ kind, name_key }: Marker): string {
  return Buffer.from(JSON.stringify([kind, name_key])).toString('base64url');
}

/** The place in `text`; none, for the beginning, where it is empty. Refuses what was not made here. */
export function parseMarker(text: unknown): Marker | undefined {
  if (text === undefined || text === '') return undefined;
  const [kind, name_key] = decoded(text);
  if ((kind === 'file' || kind === 'folder') && typeof name_key === 'string') return { kind, name_key };
  throw new Refusal('bad_request', 'The marker is not one that this server gave out: begin without one.');
}

function decoded(text: unknown): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(String(text), 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
