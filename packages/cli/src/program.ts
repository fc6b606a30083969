import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { checkArguments } from './arguments.ts';
import { addAppCommand } from './commands/accounts/app.ts';
import { addLoginCommand, addLogoutCommand } from './commands/accounts/login.ts';
import { addProfilesCommand, addUseCommand } from './commands/accounts/profiles.ts';
import { addTokenCommand } from './commands/accounts/token.ts';
import { addUserCommand } from './commands/accounts/user.ts';
import { addFsckCommand } from './commands/data/fsck.ts';
import { addMigrateCommand } from './commands/data/migrate.ts';
import { addSecretsCommand } from './commands/data/secrets.ts';
import { addExamples } from './commands/examples.ts';
import { addCatCommand } from './commands/files/cat.ts';
import { addCpCommand, addMvCommand } from './commands/files/copy-move.ts';
import { addDuCommand } from './commands/files/du.ts';
import { addLsCommand } from './commands/files/ls.ts';
import { addMkdirCommand } from './commands/files/mkdir.ts';
import { addRmCommand } from './commands/files/rm.ts';
import { addStatCommand } from './commands/files/stat.ts';
import { addTrashCommand } from './commands/files/trash.ts';
import { addVersionsCommand } from './commands/files/versions.ts';
import { addCompleteCommand } from './commands/server/complete.ts';
import { addCompletionCommand } from './commands/server/completion.ts';
import { addDoctorCommand } from './commands/server/doctor.ts';
import { addServeCommand } from './commands/server/serve.ts';
import { addCheckCommand } from './commands/transfer/check.ts';
import { addDownloadCommand } from './commands/transfer/download.ts';
import { addSessionsCommand } from './commands/transfer/sessions.ts';
import { addSyncCommand } from './commands/transfer/sync.ts';
import { addUploadCommand } from './commands/transfer/upload.ts';

/** This package's version. */
const version: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

/** Creates the command line with all commands. */
export function createProgram(): Command {
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
  addCatCommand(program);
  addStatCommand(program);
  addDuCommand(program);
  addMkdirCommand(program);
  addCpCommand(program);
  addMvCommand(program);
  addRmCommand(program);
  addTrashCommand(program);
  addVersionsCommand(program);
  addSessionsCommand(program);

  program.commandsGroup('Servers and profiles:');
  addLoginCommand(program);
  addProfilesCommand(program);
  addUseCommand(program);
  addLogoutCommand(program);

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
  addCompleteCommand(program);
  program.helpCommand(true);
  addExamples(program, [
    ['partway upload big.bin --to /backup', 'Upload a file, or resume its upload'],
    ['partway download /backup/big.bin --to copy.bin', 'Download it again, or resume its download'],
  ]);
  return program;
}
