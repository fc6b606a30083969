import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { checkArguments } from './arguments.ts';
import { addAppCommand } from './commands/accounts/app.ts';
import { addLoginCommand, addLogoutCommand } from './commands/accounts/login.ts';
import { addProfilesCommand, addUseCommand } from './commands/accounts/profiles.ts';
import { addTokenCommand } from './commands/accounts/token.ts';
import { addUserCommand } from './commands/accounts/user.ts';
import { addFsckCommand } from './commands/data/fsck.ts';
import { addMigrateCommand } from './commands/data/migrate.ts';
import { addSecretsCommand } from './commands/data/secrets.ts';
import { addLsCommand } from './commands/files/ls.ts';
import { addMkdirCommand } from './commands/files/mkdir.ts';
import { addRmCommand } from './commands/files/rm.ts';
import { addCompletionCommand } from './commands/server/completion.ts';
import { addDoctorCommand } from './commands/server/doctor.ts';
import { addServeCommand } from './commands/server/serve.ts';
import { addCheckCommand } from './commands/transfer/check.ts';
import { addDownloadCommand } from './commands/transfer/download.ts';
import { addSessionsCommand } from './commands/transfer/sessions.ts';
import { addSyncCommand } from './commands/transfer/sync.ts';
import { addUploadCommand } from './commands/transfer/upload.ts';
import { EXIT, Failure } from './exit-codes.ts';
import { restrictUmask } from './process.ts';

/** This package's version. */
const version: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

restrictUmask();

const program = new Command('partway')
  .description("Self-hosted server and client for Box's chunked upload API.")
  .version(version)
  .showHelpAfterError('(for usage, run partway --help or partway COMMAND --help)')
  .exitOverride();

// Node.js has already replaced bytes that are not valid UTF-8. Names with such replacements would be wrong.
program.hook('preAction', (_, command) => checkArguments(command));

program.commandsGroup('Files on a server:');
addUploadCommand(program);
addDownloadCommand(program);
addSyncCommand(program);
addCheckCommand(program);
addLsCommand(program);
addMkdirCommand(program);
addRmCommand(program);
addSessionsCommand(program);

program.commandsGroup('Servers and profiles:');
addLoginCommand(program);
addLogoutCommand(program);
addProfilesCommand(program);
addUseCommand(program);

program.commandsGroup('Your own server:');
addServeCommand(program);
addMigrateCommand(program);
addUserCommand(program);
addAppCommand(program);
addTokenCommand(program);
addSecretsCommand(program);
addFsckCommand(program);

program.commandsGroup('Help and diagnostics:');
addDoctorCommand(program);
addCompletionCommand(program);
program.helpCommand(true);

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
  await program.parseAsync();
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
