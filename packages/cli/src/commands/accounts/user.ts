import type { Command } from 'commander';
import { addUserAddCommand } from './user-add.ts';
import { addUserListCommand } from './user-list.ts';
import { addUserPasswordCommand } from './user-password.ts';
import { addUserQuotaCommand } from './user-quota.ts';
import { addUserStatusCommand } from './user-status.ts';

/** `partway user …`: the people (or services) who own files. */
export function addUserCommand(program: Command): void {
  const user = program.command('user').description('add and list users, and set their passwords, quotas and status');
  addUserAddCommand(user);
  addUserPasswordCommand(user);
  addUserQuotaCommand(user);
  addUserStatusCommand(user);
  addUserListCommand(user);
}
