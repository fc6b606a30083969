import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createClient } from '../../packages/client/src/node/index.ts';
import { COMPILED, PARTWAY, run } from '../cli/run.ts';
import { addApp, getUserToken, type TestApp } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { COVERAGE_ENV } from '../support/coverage-env.ts';
import { deleteAtExit, killAtExit } from '../support/leftovers.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** The files that examples upload, and find on the server in /backup and /photos. */
const FILES = {
  'big.bin': seededBytes(300_000, 'big.bin'),
  'notes.txt': Buffer.from('notes, second version\n'),
  'photos/one.jpg': seededBytes(40_000, 'one.jpg'),
  'photos/two.png': seededBytes(30_000, 'two.png'),
  'photos/sub/three.jpg': seededBytes(20_000, 'three.jpg'),
};
/** What examples say instead of the address of the test's server. */
const ADDRESSES = /http:\/\/127\.0\.0\.1:4400|https:\/\/files\.example\.com/g;
const LIMIT_MILLIS = 120_000;

/** The server and the data folder that examples work with. Each example gets its own user or copy of the folder. */
export interface ExampleServer extends AsyncDisposable {
  server: TestServer;
  /** Gets tokens for new users. */
  app: TestApp;
  /** A data folder with the users ann@example.com and bob@example.com, an app, and files, without a server. */
  dataFolder: string;
}

/** A machine of someone who tries an example: a home folder, which is also the working folder. */
export interface ExampleProfile {
  folder: string;
  env: Record<string, string>;
}

/** Users without files. Ann and Bob are also profiles, and users of the running server. */
const USERS = ['ann@example.com', 'bob@example.com', 'dan@example.com', 'erin@example.com'];
const SETTINGS = { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '100000' };

export async function startExampleServer(): Promise<ExampleServer> {
  const home = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-examples-')));
  const dataFolder = join(home, 'data');
  await using first = await startServer({ env: { ...SETTINGS, PARTWAY_TOKEN: '' }, dataFolder });
  for (const login of USERS) await execute(['user', 'add', login], dataFolder);
  await execute(['app', 'add', 'Backup'], dataFolder);
  const login = 'tree@example.com';
  await execute(['user', 'add', login], dataFolder);
  const token = (await execute(['token', 'create', '--user', login, '--value'], dataFolder)).trim();
  await createTree({ url: first.url, token });
  await first.stop();
  const server = await startServer({ env: SETTINGS });
  for (const login of USERS) await new Api(server).post('/users', { login, name: login });
  return {
    server,
    app: await addApp(server),
    dataFolder,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function execute(args: readonly string[], dataFolder: string): Promise<string> {
  const { code, stdout, stderr } = await run([...args, '--data', dataFolder]);
  if (code !== 0) throw new Error(`partway ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Creates what examples expect on the server: /backup, /photos, an upload in progress, and an item in the trash. */
async function createTree({ url, token }: { url: string; token: string }): Promise<void> {
  const client = createClient({ server: url, token, store: false });
  try {
    const folders = new Map([['.', '0']]);
    const ensure = async (path: string): Promise<string> => {
      const known = folders.get(path);
      if (known !== undefined) return known;
      const parent = { id: await ensure(dirname(path)) };
      const { id } = await client.folders.createFolder({ name: path.split('/').at(-1) ?? '', parent });
      folders.set(path, id);
      return id;
    };
    const upload = async (path: string, bytes: Buffer) =>
      client.uploadFile(bytes, {
        name: path.split('/').at(-1) ?? '',
        folderId: await ensure(dirname(path)),
        conflict: 'version',
      });
    await upload('backup/notes.txt', Buffer.from('notes\n'));
    await upload('backup/notes.txt', FILES['notes.txt']);
    for (const path of ['big.bin', 'backup/big.bin']) await upload(path, FILES['big.bin']);
    for (const [path, bytes] of Object.entries(FILES)) {
      if (!path.startsWith('photos/')) continue;
      await upload(path, bytes);
      await upload(`backup/${path}`, bytes);
    }
    for (const name of ['old.bin', 'photos-2025/old.jpg']) {
      const { file } = await upload(name, Buffer.from('old'));
      if (name === 'old.bin') await client.files.deleteFileById(file.id);
    }
    const trashed = folders.get('photos-2025') ?? '';
    await client.folders.deleteFolderById(trashed, { queryParams: { recursive: true } });
    await client.chunkedUploads.createFileUploadSession({ folder_id: '0', file_name: 'huge.bin', file_size: 500_000 });
  } finally {
    client.close();
  }
}

let count = 0;

/** Creates a profile with a new user of the running server, and a copy of the data folder without a server. */
export async function createProfile({ server, app, dataFolder }: ExampleServer): Promise<ExampleProfile> {
  const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-example-')));
  count += 1;
  const login = `user${count}@example.com`;
  const { json: user } = await new Api(server).post('/users', { login, name: login });
  const token = await getUserToken(server, app, user.id);
  await createTree({ url: server.url, token });
  await cp(dataFolder, join(folder, 'data'), { recursive: true });
  for (const [path, bytes] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  await mkdir(join(folder, 'bin'));
  await symlink(PARTWAY, join(folder, 'bin', 'partway'));
  await writeFile(join(folder, 'token.txt'), `${token}\n`);
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(folder, 'key.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(join(folder, 'password.txt'), 'correct horse battery staple\n');
  await mkdir(join(folder, '.config', 'partway'), { recursive: true });
  const profile = { server: server.url, credentials: { kind: 'token', token } };
  const profiles = { current: 'work', profiles: { work: profile, ann: profile, bob: profile } };
  await writeFile(join(folder, '.config', 'partway', 'profiles.json'), JSON.stringify(profiles), { mode: 0o600 });
  return { folder, env: { HOME: folder } };
}

/** Types an example into bash, and returns what it printed. A server that it starts is stopped by SIGTERM. */
export async function typeExample(
  line: string,
  { folder, env }: ExampleProfile,
  { server }: ExampleServer,
): Promise<{ code: number | null; output: string }> {
  const command = line.replaceAll(ADDRESSES, server.url);
  const isServer = line.startsWith('partway serve') && !line.includes('--help');
  const child = spawn('bash', ['-o', 'pipefail', '-c', isServer ? `exec ${command}` : command], {
    cwd: folder,
    env: {
      ...COVERAGE_ENV,
      NODE_COMPILE_CACHE: COMPILED,
      PATH: `${join(folder, 'bin')}:${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
      ...(isServer && { PARTWAY_LISTEN: '127.0.0.1:0' }),
      // Only tokens from the data folder of the running server are valid there.
      ...(line.includes('partway login') && { PARTWAY_DATA: server.dataFolder }),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MILLIS,
  });
  killAtExit(child);
  if (isServer) child.stdout.on('data', (chunk) => String(chunk).includes('Try it:') && child.kill('SIGTERM'));
  const [[code], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return { code: code as number | null, output: stdout + stderr };
}
