import type { Command } from 'commander';
import { addAppAddCommand } from './app-add.ts';
import { addAppKeyCommand } from './app-key.ts';
import { addAppListCommand } from './app-list.ts';

/** `partway app …`: programs that get tokens. */
export function addAppCommand(program: Command): void {
  const app = program.command('app').description('add and list apps, which get tokens with an id and a secret');
  addAppAddCommand(app);
  addAppKeyCommand(app);
  addAppListCommand(app);
}
