import { parseBytes } from '@partway/server/config/parse';

/** A quota as an operator writes it, in the form of a user's row: bytes, -1 for no limit, null for the server's. */
export function parseQuota(text: string): number | null {
  if (text === 'none') return -1;
  if (text === 'default') return null;
  const bytes = parseBytes(text);
  if (bytes === undefined) {
    throw new Error(`${text} is no quota: give a size such as 500MB or 2TiB, none for no limit, or default.`);
  }
  return bytes;
}

/** The same, as it is printed. */
export function shownQuota(quota: number | null): string {
  return quota === -1 ? 'none' : String(quota ?? 'default');
}
