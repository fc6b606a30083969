import { endTokenById } from '@partway/server/auth/tokens/list';
import type { Command } from 'commander';
import { onRows } from '../data-command.ts';

/** `partway token revoke` */
export function addTokenRevokeCommand(token: Command): void {
  const command = token.command('revoke').argument('<id>', 'its id in partway token list');
  command.description('end a token, and what came of the same login or call; a running server knows within 5 seconds');
  onRows(command, async (db, [id = '']) => {
    if (!(await endTokenById(db, id))) throw new Error(`There is no token ${id}: partway token list shows all.`);
    return { text: `The token ${id} has ended.`, json: { id } };
  });
}
