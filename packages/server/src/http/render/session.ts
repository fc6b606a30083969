import type { UploadPart, UploadSession } from '@partway/protocol/schemas/upload-sessions';
import type { PartLayout } from '../../storage/blob-store.ts';
import { partRange } from '../../uploads/part-layout.ts';
import type { Part, Session } from '../../uploads/session.ts';
import { wireDate } from './dates.ts';

/**
 * Renders an upload session.
 * @param stored The number of stored parts.
 * @param apiBase The absolute base URL of the API as the client used it.
 */
export function renderSession(session: Session, stored: number, apiBase: string): UploadSession {
  const { partSize, partCount } = session.staged.layout;
  const url = `${apiBase}/files/upload_sessions/${session.id}`;
  return {
    id: session.id,
    type: 'upload_session',
    session_expires_at: wireDate(session.expiresAt),
    part_size: partSize,
    total_parts: partCount,
    num_parts_processed: stored,
    session_endpoints: {
      upload_part: url,
      commit: `${url}/commit`,
      abort: url,
      list_parts: `${url}/parts`,
      status: url,
      log_event: `${url}/log`,
      plan: `${url}/plan`,
    },
  };
}

/** Renders a part. */
export function renderPart(part: Part, layout: PartLayout): UploadPart {
  const { offset, length } = partRange(layout, part.index);
  return { part_id: part.partId, offset, size: length, sha1: part.sha1 };
}
