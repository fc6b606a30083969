import { Command } from 'commander';
import { addAppCommand } from './app.ts';
import { addFsckCommand } from './fsck.ts';
import { addServeCommand } from './serve.ts';
import { addTokenCommand } from './token.ts';
import { addUserCommand } from './user.ts';
import { version } from './version.ts';

// Whatever this process writes is for its owner alone.
process.umask(0o077);

const program = new Command('partway')
  .description('Takes in large files in parts over the Box chunked upload API, proves each part, loses none.')
  .version(version)
  .showHelpAfterError('(partway --help, or partway COMMAND --help, lists what there is)');

addServeCommand(program);
addUserCommand(program);
addAppCommand(program);
addTokenCommand(program);
addFsckCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  // What the caller can mend is said in a sentence; the stack serves only where we are at fault.
  console.error(process.env.PARTWAY_LOG === 'debug' ? error : (error as Error).message);
  process.exitCode = 1;
}
