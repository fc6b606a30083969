import type { Command } from 'commander';
import { addUserAddCommand } from './user-add.ts';
import { addUserListCommand } from './user-list.ts';
import { addUserPasswordCommand } from './user-password.ts';

/** `partway user …`: the people (or services) who own files. */
export function addUserCommand(program: Command): void {
  const user = program.command('user').description('add and list users, and set their passwords');
  addUserAddCommand(user);
  addUserPasswordCommand(user);
  addUserListCommand(user);
}
