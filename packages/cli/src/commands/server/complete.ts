import type { Command } from 'commander';
import { isDynamicKind } from '../../completion/describe.ts';

/** The shell waits for the candidates, so a slow server has none. */
const LIMIT_MILLIS = 3000;

/**
 * `partway __complete`: prints the candidates for a word, one per line, for completion scripts. It never prints an error,
 * which would be in the middle of the user's command line.
 */
export function addCompleteCommand(program: Command): void {
  program
    .command('__complete', { hidden: true })
    .argument('<kind>')
    .argument('<current>')
    .argument('[words...]')
    .action(async (kind: string, current: string, words: string[]) => {
      if (!isDynamicKind(kind)) return;
      setTimeout(() => process.exit(), LIMIT_MILLIS).unref();
      // Loaded lazily: most commands do not need it.
      const { listCandidates } = await import('../../completion/candidates.ts');
      const candidates = await listCandidates({ kind, current, words }).catch(() => []);
      for (const candidate of candidates) console.log(candidate);
    });
}
