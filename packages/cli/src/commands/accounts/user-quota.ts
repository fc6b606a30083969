import { needUser } from '@partway/server/auth/users/store';
import { setQuota } from '@partway/server/files/set-quota';
import type { Command } from 'commander';
import { onRows } from '../data-command.ts';
import { parseQuota, shownQuota } from './quota-option.ts';

/** `partway user quota` */
export function addUserQuotaCommand(user: Command): void {
  const command = user.command('quota').argument('<login>', 'whose');
  command
    .argument('<quota>', 'a size such as 500MB or 2TiB; none for no limit; default for what the server is set to')
    .description('set how much a user may keep; what they have already stays');
  onRows(command, async (db, [login = '', quota = '']) => {
    const parsed = parseQuota(quota);
    const { id } = await needUser(db, login);
    await setQuota(db, id, parsed);
    return {
      text: `The quota of ${login} is ${shownQuota(parsed)}${typeof parsed === 'number' && parsed >= 0 ? ' bytes' : ''}.`,
      json: { login, quota: parsed === -1 ? 'none' : (parsed ?? 'default') },
    };
  });
}
