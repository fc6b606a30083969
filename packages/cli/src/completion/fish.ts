import type { DescribedCommand, DescribedOption, Value } from './describe.ts';
import { allCommands, type Placed } from './walk.ts';

/** A completion script for fish. */
export function fishCompletion(root: DescribedCommand): string {
  return `# fish completion for partway; made by: partway completion fish
function __partway_at
    set -l path partway
    for word in (commandline -opc)[2..-1]
        if contains -- "$path $word" ${allCommands(root)
          .map(({ path }) => quoted(path))
          .join(' ')}
            set path "$path $word"
        end
    end
    test "$path" = "$argv[1]"
end
complete -c partway -f
${allCommands(root).flatMap(linesOf).join('\n')}
`;
}

function linesOf({ path, command }: Placed): string[] {
  const at = `complete -c partway -n ${quoted(`__partway_at ${quoted(path)}`)}`;
  return [
    ...command.commands.map(({ name, description }) => `${at} -a ${quoted(name)} -d ${quoted(description)}`),
    ...command.options.map((option) => `${at} ${optionWords(option)}`),
    ...(command.argument === undefined ? [] : [`${at} ${argumentWords(command.argument)}`]),
  ];
}

function optionWords({ flags, description, value }: DescribedOption): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const behind = value === undefined ? '' : ` -r ${valueWords(value)}`;
  return `${names.join(' ')}${behind} -d ${quoted(description)}`;
}

function argumentWords(value: Value): string {
  return value.kind === 'any' ? '-f' : valueWords(value);
}

function valueWords(value: Value): string {
  if (value.kind === 'words') return `-f -a ${quoted(value.words.join(' '))}`;
  return value.kind === 'path' ? '-F' : '-f';
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
