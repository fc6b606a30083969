import assert from 'node:assert/strict';
import type { Api } from '../support/api.ts';
import { splitIntoParts } from '../support/bytes.ts';

const PARALLEL = 4;

/** Uploads the parts of a session, four at a time as most clients do; each has to be accepted at the first attempt. */
export async function uploadInParallel(
  api: Api,
  session: { id: string; part_size: number },
  bytes: Buffer,
): Promise<{ part_id: string }[]> {
  const pieces = [...splitIntoParts(bytes, session.part_size).entries()];
  const parts: { part_id: string }[] = [];
  const sendParts = async () => {
    for (let next = pieces.shift(); next !== undefined; next = pieces.shift()) {
      const [index, piece] = next;
      const answer = await api.putPart(session.id, { ...piece, total: bytes.length });
      assert.equal(answer.status, 200, answer.text);
      parts[index] = answer.json.part;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, sendParts));
  return parts;
}
