import type { UserStatus } from '../../database/schema.ts';
import type { Ability } from '../scopes.ts';

/** What users of each status may do, whatever their tokens are good for. */
const ABILITIES_OF: Record<UserStatus, readonly Ability[]> = {
  active: ['read', 'download', 'upload', 'replace', 'rename', 'delete', 'change'],
  cannot_delete_edit: ['read', 'download', 'upload'],
  cannot_delete_edit_upload: ['read', 'download'],
  inactive: [],
};

/** Box's words for them, which are ours. */
export const USER_STATUSES: readonly string[] = Object.keys(ABILITIES_OF);

export function isUserStatus(text: unknown): text is UserStatus {
  return typeof text === 'string' && Object.hasOwn(ABILITIES_OF, text);
}

export function statusAllows(status: UserStatus, ability: Ability): boolean {
  return ABILITIES_OF[status].includes(ability);
}
