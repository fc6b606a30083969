import { isUserStatus, USER_STATUSES } from '../access/user-status.ts';
import { Refusal } from '../api/refusal.ts';
import { UNLIMITED_BYTES, type UpdateUser } from '../api/schemas/users.ts';
import type { UserStatus } from '../sql/tables.ts';

/**
 * What these fields may say. Anything else would be a promise that is not kept: that somebody administers, leaves the enterprise, or can be found by an id of the app's.
 */
const ONLY: Partial<Record<keyof UpdateUser, readonly unknown[]>> = {
  role: ['user'],
  is_password_reset_required: [false],
  external_app_user_id: [],
};

/** Refuses what a body asks for that this server cannot do. */
export function checkPromises(body: Omit<UpdateUser, 'name'>): void {
  for (const [field, taken] of Object.entries(ONLY)) {
    const value = body[field as keyof typeof body];
    if (value == null || taken.includes(value)) continue;
    throw new Refusal('bad_request', `${field} cannot be ${JSON.stringify(value)} here: this server does not keep it.`);
  }
  if (body.enterprise === null) throw new Refusal('bad_request', 'A user cannot leave the enterprise: delete them.');
}

/** `space_amount` in bytes, -1 for no limit; undefined where nothing is said. What is shown as no limit means it, too. */
export function spaceQuotaOf({ space_amount: amount }: Pick<UpdateUser, 'space_amount'>): number | undefined {
  return amount === UNLIMITED_BYTES ? -1 : (amount ?? undefined);
}

/** `status`; undefined where nothing is said. */
export function statusOf({ status }: Pick<UpdateUser, 'status'>): UserStatus | undefined {
  if (status == null || isUserStatus(status)) return status ?? undefined;
  throw new Refusal('bad_request', `status is one of ${USER_STATUSES.join(', ')}.`);
}
