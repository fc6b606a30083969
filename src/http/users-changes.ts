import { UNLIMITED_BYTES, type UpdateUser } from '../api/schemas/users.ts';
import { saidUserDetails, type UserDetails } from '../api/user-details.ts';
import type { UserRole, UserStatus } from '../sql/tables.ts';

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
