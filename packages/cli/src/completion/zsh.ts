import type { DescribedCommand, DescribedOption, Value } from './describe.ts';
import { allCommands, quoted } from './walk.ts';

/** A completion script for zsh; to be evaluated, or to lie in a folder of $fpath as `_partway`. */
export function zshCompletion(root: DescribedCommand): string {
  const functions = allCommands(root).map(({ path, command }) => functionOf(path, command));
  return `#compdef partway
# zsh completion for partway; made by: partway completion zsh
${functions.join('\n')}
if [ "$funcstack[1]" = "_partway" ]; then
  _partway "$@"
else
  compdef _partway partway
fi
`;
}

function functionOf(path: string, { options, commands, argument }: DescribedCommand): string {
  const name = functionName(path);
  const specs = options.flatMap(optionSpecs);
  if (commands.length === 0) {
    if (argument !== undefined) specs.push(quoted(`*:${argument.kind}:${action(argument)}`));
    return `${name}() {\n  _arguments -s ${specs.join(' \\\n    ')}\n}`;
  }
  const names = commands.map(({ name, description }) => quoted(`${name}:${plain(description)}`));
  const cases = commands.map((below) => `    ${below.name}) ${functionName(`${path} ${below.name}`)} ;;`);
  return `${name}() {
  local line state
  _arguments -C ${specs.join(' \\\n    ')} '1: :->command' '*::argument:->rest'
  case $state in
    command) local -a commands=(${names.join(' ')}); _describe command commands ;;
    rest) case $line[1] in
${cases.join('\n')}
    esac ;;
  esac
}`;
}

function optionSpecs({ flags, description, value }: DescribedOption): string[] {
  const behind = value === undefined ? '' : `:${value.kind}:${action(value)}`;
  return flags.map((flag) => quoted(`${flag}[${plain(description)}]${behind}`));
}

function action(value: Value): string {
  if (value.kind === 'words') return `(${value.words.join(' ')})`;
  return value.kind === 'path' ? '_files' : ' ';
}

/** Without the characters that mean something in a description of zsh's. */
function plain(text: string): string {
  return text.replace(/[[\]:\\]/g, ' ');
}

function functionName(path: string): string {
  return `_${path.replaceAll(/[ -]/g, '_')}`;
}
