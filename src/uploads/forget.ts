import type { SessionId } from '../api/ids.ts';
import type { Uploads } from './uploads.ts';

/** A session has ended: what this process remembers of it goes. */
export function forget({ follower, ledger }: Uploads, session: SessionId): void {
  follower.forget(session);
  ledger.forget(session);
}
