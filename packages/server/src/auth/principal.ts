import type { ItemId, UserId } from '@partway/protocol/ids';
import type { UserRole, UserStatus } from '../database/schema.ts';

/** The user on whose behalf a request is made. */
export interface Principal {
  userId: UserId;
  login: string;
  name: string;
  /** The user's root folder, whose ID in the API is "0". */
  rootId: ItemId;
  status: UserStatus;
  role: UserRole;
}
