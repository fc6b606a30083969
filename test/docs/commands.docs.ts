import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { noPostgres, startPostgres } from '../engines/postgres.ts';
import { killAtExit } from '../support/leftovers.ts';
import { type CommandBlock, readCommandBlocks, splitServer } from './code-blocks.ts';

// Types the commands of README.md and docs/ as a reader would: block by block, in order, in a fresh checkout with an empty
// home folder. The commands use the default port, so only one of these runs at a time: `npm run test:docs`.

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ONLY = process.env.PARTWAY_TEST_PAGES?.split(',');
const PAGES = globSync(['README.md', 'docs/**/*.md'], { cwd: ROOT })
  .toSorted()
  .filter((page) => ONLY?.includes(page) ?? true);
const PORT = 4400;
const LIMIT_MILLIS = 300_000;
/** These pages install from scratch. The others use what is installed here, which saves minutes. */
const INSTALLING_PAGES = ['README.md', 'docs/operate/install.md'];
/** These pages add the commands of the checkout to the path themselves. */
const SETS_PATH = ['README.md', 'docs/get-started.md', 'docs/operate/install.md', 'docs/use/command-line.md'];
/** Needs the Node.js of the system to be new enough, as it says. */
const USES_SYSTEM_NODE = 'docs/operate/install.md';
/** .ci/run calls the tests themselves. */
const RUNS_TESTS = /^npm ci && npm test$/m;

/** What a page assumes: a running server with some files, or files that the reader already has. */
const PREPARATION: Record<string, string> = {
  'docs/use/command-line.md': startServer('npm start'),
  'docs/operate/backup-and-restore.md': `${startServer('npm start')}
seq 4000000 > numbers.txt && partway upload numbers.txt`,
  'docs/operate/users-and-tokens.md': startServer('npm start'),
  'docs/understand/formats.md': startServer('npm start'),
};

/** Names in the documentation, and what they are in the test. */
const EXAMPLE_HOSTS = /postgres:\/\/partway(_owner)?@db\.example\.com\/partway/g;

const pages = PAGES.map((page) => ({ page, blocks: readCommandBlocks(join(ROOT, page)) })).filter(
  ({ blocks }) => blocks.length > 0,
);

test('the documentation has commands, and says why some of them are not run', () => {
  const blocks = pages.flatMap((one) => one.blocks);
  const skipped = blocks.filter(({ skipReason }) => skipReason !== undefined);
  assert.ok(blocks.length > (ONLY === undefined ? 30 : 0), `${blocks.length} blocks`);
  assert.ok(skipped.length <= blocks.length / 4, `${skipped.length} of ${blocks.length} are skipped`);
});

describe('the commands of the documentation work in order, in a fresh checkout', { timeout: 2 * LIMIT_MILLIS }, () => {
  let folder: string;
  before(async () => {
    assert.ok(!(await isListening(PORT)), `Another program listens on port ${PORT}. Stop it first.`);
    folder = await mkdtemp(join(tmpdir(), 'partway-docs-'));
    // An earlier run may have left others.
    for (const name of ['big.bin', 'copy.bin']) await rm(join('/tmp', name), { force: true });
  });
  after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  for (const [index, { page, blocks }] of pages.entries()) {
    for (const token of [undefined, 'a-token-from-the-environment']) {
      const title = token === undefined ? page : `${page}, with PARTWAY_TOKEN set`;
      const needsPostgres = blocks.some(({ commands }) => commands.match(EXAMPLE_HOSTS) !== null);
      const skip = needsPostgres && noPostgres;
      test(title, { skip }, async () => {
        const checkout = join(folder, `${index}-${token === undefined ? 'plain' : 'token'}`, 'partway');
        await using postgres = needsPostgres ? await startPostgres() : undefined;
        await createCheckout(checkout);
        const installs = token === undefined && INSTALLING_PAGES.includes(page);
        if (!installs) await symlink(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
        const script = renderScript(page, blocks, installs).replaceAll(EXAMPLE_HOSTS, postgres?.url ?? '');
        const systemNode = page === USES_SYSTEM_NODE ? `${dirname(process.execPath)}:` : '';
        const { code, output } = await runScript(script, checkout, {
          PATH: systemNode + systemPath(),
          ...(token !== undefined && { PARTWAY_TOKEN: token }),
        });
        assert.equal(code, 0, output);
        await rm(dirname(checkout), { recursive: true, maxRetries: 10 });
      });
    }
  }
});

/** Copies the files of this checkout, without the installed packages. */
async function createCheckout(checkout: string): Promise<void> {
  await mkdir(checkout, { recursive: true });
  const copy = 'git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$1"';
  const copying = spawn('bash', ['-ec', copy, 'copy', checkout], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(copying, 'close');
  assert.equal(code, 0, 'the checkout could not be copied');
}

/** Renders one script for all blocks of a page, because they share variables and the current folder. */
function renderScript(page: string, blocks: readonly CommandBlock[], installs: boolean): string {
  const parts = blocks
    .filter(({ commands, skipReason }) => skipReason === undefined && !RUNS_TESTS.test(commands))
    .map((block) => {
      const { before: commands, server } = splitServer(block);
      const start = server === undefined ? '' : startServer(server);
      const script = `echo "== ${page}:${block.line}"\n${commands}\n${start}`;
      return installs ? script : withoutInstallation(script);
    });
  const path = SETS_PATH.includes(page) ? '' : 'export PATH="$PWD/node_modules/.bin:$PATH"';
  return [FUNCTIONS, path, PREPARATION[page] ?? '', ...parts].join('\n');
}

function withoutInstallation(script: string): string {
  return script.replaceAll(/\bnpm ci( --omit=dev)?( && |$)/gm, (_, _flag, end) => (end === '' ? 'true' : ''));
}

/** Starts a server in the background, after ending the previous one, and waits until it accepts requests. */
function startServer(command: string): string {
  return `start_server ${quote(command)}`;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

const FUNCTIONS = `set -eo pipefail
server=
stop_server() { [ -z "$server" ] || { kill -- "-$server" && wait "$server" || true; server=; }; }
trap stop_server EXIT
start_server() {
  stop_server
  set -m
  bash -c "$1" > "$HOME/server.log" 2>&1 &
  server=$!
  set +m
  for _ in $(seq 1200); do
    grep -q 'Try it:' "$HOME/server.log" && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$HOME/server.log"
  exit 1
}
`;

async function runScript(
  script: string,
  checkout: string,
  env: Record<string, string>,
): Promise<{ code: number | null; output: string }> {
  const home = join(dirname(checkout), 'home');
  await mkdir(home);
  await writeFile(join(home, 'script.sh'), script);
  const child = spawn('bash', [join(home, 'script.sh')], {
    cwd: checkout,
    env: {
      HOME: home,
      LANG: 'C.UTF-8',
      ...registrySettings(),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MILLIS,
  });
  killAtExit(child);
  const [[code], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  const server = await readFile(join(home, 'server.log'), 'utf8').catch(() => '(none was started)');
  return { code: code as number | null, output: `${stdout}\n${stderr}\nThe server:\n${server}` };
}

/** Without the commands of this checkout, which npm puts in front. */
function systemPath(): string {
  const folders = (process.env.PATH ?? '').split(':');
  return folders.filter((one) => !one.includes('node_modules')).join(':');
}

/** The registry of this machine; readers have their own. */
function registrySettings(): Record<string, string> {
  const settings = Object.entries(process.env).filter(([name]) =>
    /^(npm_config_(?!prefix)|https?_proxy|no_proxy|SSL_CERT|NODE_EXTRA)/i.test(name),
  );
  return Object.fromEntries(settings.map(([name, value]) => [name, value ?? '']));
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
