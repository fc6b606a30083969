import type { Command } from 'commander';
import { addSessionsAbortCommand } from './abort.ts';
import { addSessionsListCommand } from './list.ts';
import { addSessionsShowCommand } from './show.ts';

/** `partway sessions …`: uploads under way. */
export function addSessionsCommand(program: Command): void {
  const sessions = program.command('sessions').description('list, show and abort uploads under way');
  addSessionsListCommand(sessions);
  addSessionsShowCommand(sessions);
  addSessionsAbortCommand(sessions);
}
