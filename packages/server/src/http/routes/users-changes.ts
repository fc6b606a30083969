import { UNLIMITED_BYTES, type UpdateUser } from '@partway/protocol/schemas/users';
import { saidUserDetails, type UserDetails } from '@partway/protocol/user-details';
import type { UserRole, UserStatus } from '../../database/schema.ts';

/** What a body says of a user beside their name and login; what is left out or null says nothing. */
export function userTraitsOf(body: Omit<UpdateUser, 'name' | 'login'>): {
  spaceQuota?: number;
  status?: UserStatus;
  role?: UserRole;
  externalAppUserId?: string;
  details: Partial<UserDetails>;
} {
  const { space_amount: amount, status, role, external_app_user_id: externalAppUserId } = body;
  return {
    // What is shown as no limit means it, too.
    ...(amount != null && { spaceQuota: amount === UNLIMITED_BYTES ? -1 : amount }),
    ...(status != null && { status }),
    ...(role != null && { role }),
    ...(externalAppUserId != null && { externalAppUserId }),
    details: saidUserDetails(body),
  };
}
