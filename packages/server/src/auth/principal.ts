import type { ItemId, UserId } from '@partway/protocol/ids';
import type { UserRole, UserStatus } from '../database/schema.ts';

/** Who is calling, as every room below the edge sees it. */
export interface Principal {
  userId: UserId;
  login: string;
  name: string;
  /** The user's root folder, "0" at the wire. */
  rootId: ItemId;
  status: UserStatus;
  role: UserRole;
}
