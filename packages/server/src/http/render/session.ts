import type { UploadPart, UploadSession } from '@partway/protocol/schemas/upload-sessions';
import type { PartLayout } from '../../storage/blob-store.ts';
import { partRange } from '../../uploads/part-layout.ts';
import type { Part, Session } from '../../uploads/session.ts';
import { wireDate } from './dates.ts';

/** The wire's session object. `apiBase` is absolute, as the client addressed it. */
export function renderSession(session: Session, stored: number, apiBase: string): UploadSession {
  const { partSize, partCount: slots } = session.staged.layout;
  const address = `${apiBase}/files/upload_sessions/${session.id}`;
  return {
    id: session.id,
    type: 'upload_session',
    session_expires_at: wireDate(session.expiresAt),
    part_size: partSize,
    total_parts: slots,
    num_parts_processed: stored,
    session_endpoints: {
      upload_part: address,
      commit: `${address}/commit`,
      abort: address,
      list_parts: `${address}/parts`,
      status: address,
      log_event: `${address}/log`,
      plan: `${address}/plan`,
    },
  };
}

/** The wire's part object. */
export function renderPart(part: Part, layout: PartLayout): UploadPart {
  const { offset, length } = partRange(layout, part.index);
  return { part_id: part.partId, offset, size: length, sha1: part.sha1 };
}
