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
import { addDownloadCommand } from './commands/transfer/download.ts';
import { addSessionsCommand } from './commands/transfer/sessions.ts';
import { addUploadCommand } from './commands/transfer/upload.ts';
import { EXIT, Failure } from './exit-codes.ts';
import { writeForOwnerOnly } from './process.ts';

/** This package's version. */
const version: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

writeForOwnerOnly();

const program = new Command('partway')
  .description('Takes in large files in parts over the Box chunked upload API, proves each part, loses none.')
  .version(version)
  .showHelpAfterError('(partway --help, or partway COMMAND --help, lists what there is)')
  .exitOverride();

// Node has lost bytes that are no text by now; names made of what is left would be others than were meant.
program.hook('preAction', (_, command) => checkArguments(command));

program.commandsGroup('Files on a server:');
addUploadCommand(program);
addDownloadCommand(program);
addLsCommand(program);
addMkdirCommand(program);
addRmCommand(program);
addSessionsCommand(program);

program.commandsGroup('Which server:');
addLoginCommand(program);
addLogoutCommand(program);
addProfilesCommand(program);
addUseCommand(program);

program.commandsGroup('A server of your own:');
addServeCommand(program);
addMigrateCommand(program);
addUserCommand(program);
addAppCommand(program);
addTokenCommand(program);
addSecretsCommand(program);
addFsckCommand(program);

program.commandsGroup('Help:');
addDoctorCommand(program);
addCompletionCommand(program);
program.helpCommand(true);

// Whoever reads may have enough, as head has. A server runs on; what it would print is only a greeting.
const isServer = process.argv[2] === 'serve';
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (isServer) return;
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.nobodyReads);
});
// There is nowhere left to say it.
process.stderr.on('error', () => {});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = await printError(error);
}

/** Says on stderr what went wrong, and what to do; gives the exit code. */
async function printError(error: unknown): Promise<number> {
  // It has said so itself.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  // What the caller can mend is said in a sentence; the stack serves only where we are at fault.
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
