import type { Command } from 'commander';
import { listUsers } from '../access/records.ts';
import { inColumns, onRows } from './data-command.ts';

/** `partway user list` */
export function addUserListCommand(user: Command): void {
  onRows(user.command('list').description('list users'), async (db) => {
    const rows = await listUsers(db);
    return {
      text: inColumns(rows.map(({ id, login, name }) => [String(id), login, name])),
      json: rows.map(({ id, login, name, password_hash: hash }) => ({
        id: String(id),
        login,
        name,
        can_log_in: hash !== null,
      })),
    };
  });
}
