import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deleteAtExit, deleteFolder } from '../support/leftovers.ts';
import { type ServerOptions, startServer, type TestServer } from '../support/server.ts';
import { type CommandResult, jsonLines, type RunOptions, run, start } from './run.ts';

/** Parts of 64 KiB, also for small files, so that these have many parts. */
export const PART = 65_536;

/** A machine with `partway`: an empty home folder, which is also the working folder, and a server. */
export interface CliFixture extends AsyncDisposable {
  server: TestServer;
  /** The working folder of commands. */
  folder: string;
  /** The environment of commands: the home folder, and the server with its token. */
  env: Record<string, string>;
  at(...names: string[]): string;
  run(args: readonly string[], options?: RunOptions): Promise<CommandResult>;
  start(args: readonly string[], options?: RunOptions): ReturnType<typeof start>;
  /** Runs with `--json` and returns the objects that were printed; rejects if the command fails. */
  json(...args: string[]): Promise<Record<string, unknown>[]>;
}

export async function openCliFixture(options: ServerOptions = {}): Promise<CliFixture> {
  const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-place-')));
  const server = await startServer({
    ...options,
    env: { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '0', ...options.env },
  });
  const env = {
    HOME: folder,
    PARTWAY_SERVER: server.url,
    PARTWAY_TOKEN: server.token,
    ...(server.certificates && { NODE_EXTRA_CA_CERTS: server.certificates.ca }),
  };
  const withDefaults = (given: RunOptions = {}): RunOptions => ({
    cwd: folder,
    ...given,
    env: { ...env, ...given.env },
  });
  return {
    server,
    folder,
    env,
    at: (...names) => join(folder, ...names),
    run: (args, given) => run(args, withDefaults(given)),
    start: (args, given) => start(args, withDefaults(given)),
    async json(...args) {
      const ended = await run([...args, '--json'], withDefaults());
      if (ended.code !== 0) throw new Error(`partway ${args.join(' ')}: ${ended.code}\n${ended.stdout}${ended.stderr}`);
      return jsonLines(ended.stdout);
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      deleteFolder(folder);
    },
  };
}
