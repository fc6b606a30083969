import { Argument, type Command } from 'commander';
import { bashCompletion } from '../../completion/bash.ts';
import { describeCommand } from '../../completion/describe.ts';
import { fishCompletion } from '../../completion/fish.ts';
import { zshCompletion } from '../../completion/zsh.ts';
import { addExamples } from '../examples.ts';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** `partway completion` */
export function addCompletionCommand(program: Command): void {
  const command = program.command('completion');
  command
    .addArgument(new Argument('<shell>', 'your shell').choices(Object.keys(SHELLS)))
    .description('print a completion script for a shell')
    .addHelpText(
      'after',
      `
  bash  eval "$(partway completion bash)"                 in ~/.bashrc
  zsh   eval "$(partway completion zsh)"                  in ~/.zshrc, after compinit
  fish  partway completion fish > ~/.config/fish/completions/partway.fish`,
    )
    .action((shell: keyof typeof SHELLS) => {
      process.stdout.write(SHELLS[shell](describeCommand(program)));
    });
  addExamples(command, [
    ['partway completion bash > ~/.partway-completion.bash', 'Save the script for bash, to be loaded in ~/.bashrc'],
    ['partway completion zsh > ~/.partway-completion.zsh', 'Save the script for zsh'],
  ]);
}
