import type { LocalFiles } from '../disk/durable-files.ts';

/**
 * Writes a file as long as `body` turns out to be, at `from`, and renames it to `to` when it is whole; folders missing
 * below `base` are made. When it rejects, neither file is there.
 */
export async function putWhole(
  files: LocalFiles,
  { from, to, base }: { from: string; to: string; base: string },
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  await files.allocate(from, 0);
  try {
    await files.write(from, { offset: 0 }, body);
    await files.moveDurably(from, to, { base, readOnly: true });
  } catch (error) {
    await files.removeFile(from);
    await files.removeFile(to);
    throw error;
  }
}
