import type { UploadPart } from '@partway/protocol/schemas/upload-sessions';
import type { UploadClient } from './upload.ts';

const PAGE_SIZE = 1000;

/** Returns all stored parts of a session, by offset in the file. */
export async function listStoredParts(
  { chunkedUploads }: UploadClient,
  url: string,
  signal: AbortSignal | undefined,
): Promise<Map<number, UploadPart>> {
  const parts = new Map<number, UploadPart>();
  for (let offset = 0; ; ) {
    const queryParams = { offset, limit: PAGE_SIZE };
    const page = await chunkedUploads.getFileUploadSessionPartsByUrl(url, { queryParams, signal, retries: 0 });
    for (const part of page.entries) parts.set(part.offset, part);
    offset += page.entries.length;
    if (page.entries.length === 0 || offset >= page.total_count) return parts;
  }
}
