import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Api } from '../support/api.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { COMPILED, PARTWAY, run } from './run.ts';

const execute = promisify(execFile);
const LIMIT_MILLIS = 60_000;

let folder: string;
let server: TestServer;
/** With `partway` on the PATH, and the server. */
let env: Record<string, string>;
let session: string;
before(async () => {
  folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-completion-')));
  server = await startServer();
  const profile = { server: server.url, credentials: { kind: 'token', token: server.token } };
  await mkdir(join(folder, '.config', 'partway'), { recursive: true });
  const profiles = {
    current: 'wrong',
    profiles: { work: profile, wrong: { ...profile, server: 'http://127.0.0.1:9' } },
  };
  await writeFile(join(folder, '.config', 'partway', 'profiles.json'), JSON.stringify(profiles));
  await mkdir(join(folder, 'bin'));
  await symlink(PARTWAY, join(folder, 'bin', 'partway'));
  env = {
    HOME: folder,
    PATH: `${join(folder, 'bin')}:${dirname(process.execPath)}:${process.env.PATH}`,
    NODE_COMPILE_CACHE: COMPILED,
    PARTWAY_PROFILE: 'work',
  };
  const api = new Api(server);
  const { id } = (await api.post('/folders', { name: 'Holiday pictures', parent: { id: '0' } })).json;
  await api.post('/folders', { name: 'sea', parent: { id } });
  await api.post('/folders', { name: 'house', parent: { id: '0' } });
  session = (await api.createSession('huge.bin', 100_000_000)).id;
  await writeFile(join(folder, 'zebra.bin'), '');
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await run(['completion', shell]);
    assert.equal(code, 0);
    await writeFile(join(folder, `partway.${shell}`), stdout);
  }
});

after(() => server[Symbol.asyncDispose]());

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
  // What the server and the profiles have; the last word is the only candidate.
  [['ls', '/ho'], ['/house/'], ['zebra.bin']],
  [['upload', '--to', '/hous'], ['/house/'], ['zebra.bin']],
  [['use', ''], ['work', 'wrong'], ['zebra.bin']],
  [['ls', '--profile', 'wo'], ['work'], ['wrong']],
  // This server is down: no candidates, and no error.
  [['ls', '--profile', 'wrong', '/ho'], [], ['/house/']],
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
    const { stdout, stderr } = await execute('bash', ['--norc', '-c', lines.join('\n')], { cwd: folder, env });
    assert.equal(stderr, '');
    const answers = stdout.split('\n');
    for (const [index, [typed, wanted, unwanted]] of CASES.entries()) {
      assertOffers((answers[index] ?? '').split(' '), wanted, unwanted, typed);
    }
  });

  test('fish completes the same', ifInstalled('fish'), async () => {
    const lines = ['source ./partway.fish'];
    for (const [typed] of CASES) lines.push(`complete -C 'partway ${typed.join(' ')}'; echo ---`);
    const { stdout, stderr } = await execute('fish', ['--no-config', '-c', lines.join('\n')], { cwd: folder, env });
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
    const { stdout } = await execute('zsh', ['-f', 'ask.zsh', ...lines], { cwd: folder, env, timeout: LIMIT_MILLIS });
    const answers = stdout.split('---\n');
    for (const [index, [typed, wanted, unwanted]] of CASES.entries()) {
      // A single match is put on the line; several are listed below it.
      assertOffers((answers[index] ?? '').split(/\s+/), wanted, unwanted, typed);
    }
  });

  test('bash completes a path with spaces, and the IDs of uploads in progress', ifInstalled('bash'), async () => {
    const type = (...words: string[]) => `COMP_WORDS=(partway ${words.join(' ')}); COMP_CWORD=\${#COMP_WORDS[@]}-1;`;
    const lines = [
      'source ./partway.bash',
      `${type('ls', "'/Holiday\\ pictures/s'")} _partway; printf '%s\\n' "\${COMPREPLY[@]}"`,
      `${type('sessions', 'show', "''")} _partway; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ];
    const { stdout, stderr } = await execute('bash', ['--norc', '-c', lines.join('\n')], { cwd: folder, env });
    assert.deepEqual([stdout, stderr], [`/Holiday pictures/sea/\n${session}\n`, '']);
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
