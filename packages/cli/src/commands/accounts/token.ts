import type { Command } from 'commander';
import { addTokenListCommand } from './token-list.ts';
import { addTokenMakeCommand } from './token-make.ts';
import { addTokenRevokeCommand } from './token-revoke.ts';

/** `partway token …`: what lets callers in. */
export function addTokenCommand(program: Command): void {
  const token = program.command('token').description('make, list and revoke access tokens');
  addTokenMakeCommand(token);
  addTokenListCommand(token);
  addTokenRevokeCommand(token);
}
