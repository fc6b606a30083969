import type { SessionId } from '@partway/protocol/ids';
import type { Uploads } from './context.ts';

/** A session has ended: what this process remembers of it goes. */
export function forget({ follower, ledger }: Uploads, session: SessionId): void {
  follower.forget(session);
  ledger.forget(session);
}
