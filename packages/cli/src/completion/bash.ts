import type { DescribedCommand, Value } from './describe.ts';
import { allCommands, quoted } from './walk.ts';

/** A completion script for bash. */
export function bashCompletion(root: DescribedCommand): string {
  const cases = allCommands(root).map(({ path, command }) => {
    const words = [...command.commands.map(({ name }) => name), ...command.options.flatMap(({ flags }) => flags)];
    const values = command.options
      .filter(({ value }) => value !== undefined)
      .map(({ flags, value }) => `        ${flags.join('|')}) ${reply(value)}; return ;;`);
    return `    ${quoted(path)})
      case $previous in
${values.join('\n')}
      esac
      words=${quoted(words.join(' '))}
      rest=${command.argument === undefined ? '' : command.argument.kind}
${command.argument?.kind === 'words' ? `      words+=${quoted(` ${command.argument.words.join(' ')}`)}\n` : ''}      ;;`;
  });
  const names = allCommands(root).map(({ path }) => quoted(path));
  return `# bash completion for partway; made by: partway completion bash
_partway() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path=partway words= rest= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
      ${names.join('|')}) path="$path $word" ;;
    esac
  done
  case $path in
${cases.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  if [[ $rest == path && $current != -* ]]; then
    compopt -o filenames 2>/dev/null
    local files
    mapfile -t files < <(compgen -f -- "$current")
    COMPREPLY+=("\${files[@]}")
  fi
}
complete -F _partway partway
`;
}

function reply(value: Value | undefined): string {
  if (value?.kind === 'words')
    return `mapfile -t COMPREPLY < <(compgen -W ${quoted(value.words.join(' '))} -- "$current")`;
  if (value?.kind === 'path')
    return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current")';
  return 'COMPREPLY=()';
}
