import type { Command } from 'commander';
import { inColumns, onRows } from '../data-command.ts';
import { shownQuota } from './quota-option.ts';

/** `partway user list` */
export function addUserListCommand(user: Command): void {
  onRows(user.command('list').description('list users, with what they keep and may keep'), async (db) => {
    const { listAccounts } = await import('@partway/server/auth/users/list');
    const users = await listAccounts(db);
    return {
      text: inColumns(
        users.map((one) => [
          String(one.id),
          one.login,
          one.name,
          one.status,
          `${one.space_used} used`,
          `${one.space_reserved} reserved`,
          `quota ${shownQuota(one.space_quota)}`,
        ]),
      ),
      json: users.map((one) => ({
        id: String(one.id),
        login: one.login,
        name: one.name,
        status: one.status,
        can_log_in: one.password_hash !== null,
        space_used: one.space_used,
        space_reserved: one.space_reserved,
        quota: one.space_quota === -1 ? 'none' : (one.space_quota ?? 'default'),
      })),
    };
  });
}
