import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { deleteAtExit } from '../support/leftovers.ts';
import { run } from './run.ts';

const execute = promisify(execFile);
const LIMIT_MILLIS = 60_000;

let folder: string;
before(async () => {
  folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-completion-')));
  await writeFile(join(folder, 'zebra.bin'), '');
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await run(['completion', shell]);
    assert.equal(code, 0);
    await writeFile(join(folder, `partway.${shell}`), stdout);
  }
});

/** Words typed so far, the last of them incomplete, and what is offered for them. */
const CASES: [typed: string[], offered: string[], notOffered: string[]][] = [
  [['se'], ['serve', 'sessions'], ['upload']],
  [['token', ''], ['create', 'list', 'revoke'], ['upload']],
  [['app', 'key', ''], ['add'], ['list']],
  [['upload', '--con'], ['--conflict'], ['--to']],
  [['upload', '--conflict', ''], ['fail', 'rename', 'version'], ['zebra.bin']],
  [['upload', 'zeb'], ['zebra.bin'], []],
  // A name on the server is not completed with local files.
  [['ls', 'zeb'], [], ['zebra.bin']],
  [['completion', ''], ['bash', 'zsh', 'fish'], ['zebra.bin']],
];

function assertOffers(offered: string[], wanted: string[], unwanted: string[], typed: string[]): void {
  for (const word of wanted) assert.ok(offered.includes(word), `${typed.join(' ')} → ${offered.join(' ')}`);
  for (const word of unwanted) assert.ok(!offered.includes(word), `${typed.join(' ')} → ${offered.join(' ')}`);
}

function ifInstalled(shell: string): { skip: string | false } {
  return { skip: existsSync(`/usr/bin/${shell}`) || existsSync(`/bin/${shell}`) ? false : `${shell} is not installed` };
}

describe('completion', () => {
  test('bash completes commands, options, choices and files', ifInstalled('bash'), async () => {
    const lines = ['source ./partway.bash'];
    for (const [typed] of CASES) {
      const words = ['partway', ...typed].map((word) => `'${word}'`).join(' ');
      lines.push(`COMP_WORDS=(${words}); COMP_CWORD=${typed.length}; _partway; echo "\${COMPREPLY[*]}"`);
    }
    const { stdout, stderr } = await execute('bash', ['--norc', '-c', lines.join('\n')], { cwd: folder });
    assert.equal(stderr, '');
    const answers = stdout.split('\n');
    for (const [index, [typed, wanted, unwanted]] of CASES.entries()) {
      assertOffers((answers[index] ?? '').split(' '), wanted, unwanted, typed);
    }
  });

  test('fish completes the same', ifInstalled('fish'), async () => {
    const lines = ['source ./partway.fish'];
    for (const [typed] of CASES) lines.push(`complete -C 'partway ${typed.join(' ')}'; echo ---`);
    const { stdout, stderr } = await execute('fish', ['--no-config', '-c', lines.join('\n')], { cwd: folder });
    assert.equal(stderr, '');
    const answers = stdout.split('---\n');
    for (const [index, [typed, wanted, unwanted]] of CASES.entries()) {
      const offered = (answers[index] ?? '').split('\n').map((line) => line.split('\t')[0] ?? '');
      assertOffers(offered, wanted, unwanted, typed);
    }
  });

  test('zsh completes the same in an interactive shell', ifInstalled('zsh'), async () => {
    await writeFile(join(folder, 'ask.zsh'), ZSH);
    const lines = CASES.map(([typed]) => ['partway', ...typed].join(' '));
    const { stdout } = await execute('zsh', ['-f', 'ask.zsh', ...lines], { cwd: folder, timeout: LIMIT_MILLIS });
    const answers = stdout.split('---\n');
    for (const [index, [typed, wanted, unwanted]] of CASES.entries()) {
      // A single match is put on the line; several are listed below it.
      assertOffers((answers[index] ?? '').split(/\s+/), wanted, unwanted, typed);
    }
  });

  test('every command can be completed; an unknown shell is rejected', async () => {
    const { stdout } = await run(['completion', 'bash']);
    for (const command of [
      'upload',
      'download',
      'sessions show',
      'doctor',
      'fsck',
      'serve',
      'user add',
      'app key add',
    ]) {
      assert.ok(stdout.includes(`'partway ${command}'`), command);
    }
    const ended = await run(['completion', 'tcsh']);
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /Allowed choices are bash, zsh, fish/);
  });
});

/** Types lines into an interactive zsh, presses Tab after each, and prints the result. */
const ZSH = String.raw`
zmodload zsh/zpty
got=
until_seen() { zpty -r z got "*$1" }
zpty z zsh -f -i
zpty -w z "unset zle_bracketed_paste; stty cols 200 rows 50"
zpty -w z "autoload -Uz compinit; compinit -u -D; LISTMAX=0; source ./partway.zsh; bindkey '^T' list-choices"
# The prompt appears when the line editor reads keys itself; until then, the terminal would process them.
zpty -w z "PROMPT_EOL_MARK=; PS1='<re''ady>'"
until_seen '<ready>'
for line; do
  zpty -w -n z "$line"$'\t\x14'
  # As an argument of ":", which does nothing.
  zpty -w -n z $'\x01: \x05 ; print DONE-$((40+2))\n'
  until_seen DONE-42
  print -r -- "$got" | sed $'s/\x1b\\[[0-9;?]*[a-zA-Z]//g' | tr '\b\r' '  '
  print -r -- ---
  until_seen '<ready>'
done
zpty -d z
`;
