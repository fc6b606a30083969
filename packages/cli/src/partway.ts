import { CommanderError } from 'commander';
import { EXIT, Failure } from './exit-codes.ts';
import { restrictUmask } from './process.ts';
import { createProgram } from './program.ts';

restrictUmask();

// The reader of stdout may exit early, as `head` does. A server continues to run, because it prints only a greeting.
const isServer = process.argv[2] === 'serve';
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (isServer) return;
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.brokenPipe);
});
// An error on stderr cannot be reported.
process.stderr.on('error', () => {});

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = await printError(error);
}

/** Prints an error to stderr, with advice. Resolves with the exit code. */
async function printError(error: unknown): Promise<number> {
  // Commander has already printed its message.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.success : EXIT.usage;
  // Users need a sentence. Stack traces are for debugging.
  if (process.env.PARTWAY_LOG === 'debug') console.error(error);
  if (error instanceof Failure) {
    console.error(error.message);
    return error.exitCode;
  }
  const { explain } = await import('./errors/explain.ts');
  const { message, exitCode } = explain(error);
  console.error(message);
  return exitCode;
}
