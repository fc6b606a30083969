import { isNewFile, type Target, type Upload } from './upload.ts';

/** By how much the server's dates may be off, which are whole seconds, in milliseconds. */
const ROUNDING = 2_000;
/** So long this may take; nobody needs to wait for it. */
const LIMIT = 10_000;

/**
 * Gives up the sessions that lost answers have left for this upload: of the same file, without a part, and as young as the
 * first try. Only a Partway server lists sessions; elsewhere they expire.
 */
export async function dropLostSessions(
  { client, size }: Upload,
  target: Target,
  { own, sinceMillis }: { own: string; sinceMillis: number },
): Promise<void> {
  const options = { retries: 1, signal: AbortSignal.timeout(LIMIT) };
  try {
    const { entries } = await client.chunkedUploads.getFileUploadSessions({ ...options, queryParams: { limit: 1000 } });
    const created = entries.map(({ created_at: at }) => Date.parse(at));
    // By the server's own clock: the newest one came with the last try.
    const since = Math.max(...created) - sinceMillis - ROUNDING;
    for (const [index, entry] of entries.entries()) {
      const isSame =
        entry.file_size === size &&
        (isNewFile(target)
          ? entry.folder_id === target.folderId && entry.file_name === target.name
          : entry.file_id === target.fileId);
      if (!isSame || entry.id === own || entry.num_parts_processed > 0 || (created[index] ?? 0) < since) continue;
      await client.chunkedUploads.deleteFileUploadSessionById(entry.id, options);
    }
  } catch {
    // What stays behind expires.
  }
}
