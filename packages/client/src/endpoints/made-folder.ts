import type { Call, Caller, CallOptions, Outcome } from '../call.ts';
import { ApiError } from '../errors.ts';
import { findByName } from '../find-by-name.ts';
import { fits, itemShape } from '../response-shape.ts';

/** By how much the server's dates may be off, which are whole seconds, in milliseconds. */
const ROUNDING = 2_000;

interface Lost {
  query: { fields?: readonly string[] | undefined } | undefined;
  options: CallOptions;
  outcome: Outcome;
  /** How long ago the first try began, in milliseconds. */
  since: number;
}

/**
 * The folder that a call made whose answer was lost: the one of exactly this name, if it was created since that call by the
 * server's own clock. An older one is somebody else's, and the name is taken.
 */
export async function madeFolder<T>(
  caller: Caller,
  api: string,
  { name, parent }: { name: string; parent: { id: string | number } },
  { query, options, outcome, since }: Lost,
): Promise<T | undefined> {
  if (outcome instanceof ApiError && outcome.code !== 'item_name_in_use') return undefined;
  const { headers, signal, retries, patience } = options;
  const asking = { headers, signal, retries, patience };
  const there = await findByName(caller, api, String(parent.id), name, asking);
  if (there?.type !== 'folder' || there.name !== name) return undefined;
  const asked = query?.fields;
  const fields = asked === undefined ? undefined : [...asked, 'created_at'];
  const call: Call = { ...asking, method: 'GET', url: `${api}/folders/${there.id}`, query: { ...query, fields } };
  const { folder, now } = await caller.read(call, async (answer) => ({
    folder: JSON.parse(await answer.text()) as T & { created_at?: string },
    now: Date.parse(answer.header('date') ?? '') || Date.now(),
  }));
  if (!fits(folder, itemShape('folder', fields))) return undefined;
  return now - Date.parse(folder.created_at ?? '') <= since + ROUNDING ? folder : undefined;
}
