import type { Command } from 'commander';
import { addSessionsAbortCommand } from './sessions/abort.ts';
import { addSessionsListCommand } from './sessions/list.ts';
import { addSessionsShowCommand } from './sessions/show.ts';

/** `partway sessions …`: uploads under way. */
export function addSessionsCommand(program: Command): void {
  const sessions = program.command('sessions').description('list, show and abort uploads under way');
  addSessionsListCommand(sessions);
  addSessionsShowCommand(sessions);
  addSessionsAbortCommand(sessions);
}
