import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leftoverFolder, removeNow } from '../support/leftovers.ts';
import { type ServerOptions, startServer, type TestServer } from '../support/server.ts';
import { type Ended, jsonLines, type RunOptions, run, start } from './run.ts';

/** Parts of 64 KiB from the first byte on, so that small files go in many parts. */
export const PART = 65_536;

/** A machine with `partway` on it: an empty home, an empty folder to work in, and a server. */
export interface Place extends AsyncDisposable {
  server: TestServer;
  /** Where commands run. */
  folder: string;
  /** What commands find in their environment: the home, and the server with its token. */
  env: Record<string, string>;
  at(...names: string[]): string;
  run(args: readonly string[], options?: RunOptions): Promise<Ended>;
  start(args: readonly string[], options?: RunOptions): ReturnType<typeof start>;
  /** Runs with `--json`, and gives the objects that were printed; rejects where it fails. */
  json(...args: string[]): Promise<Record<string, unknown>[]>;
}

export async function openPlace(options: ServerOptions = {}): Promise<Place> {
  const folder = leftoverFolder(await mkdtemp(join(tmpdir(), 'partway-place-')));
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
  const there = (given: RunOptions = {}): RunOptions => ({ cwd: folder, ...given, env: { ...env, ...given.env } });
  return {
    server,
    folder,
    env,
    at: (...names) => join(folder, ...names),
    run: (args, given) => run(args, there(given)),
    start: (args, given) => start(args, there(given)),
    async json(...args) {
      const ended = await run([...args, '--json'], there());
      if (ended.code !== 0) throw new Error(`partway ${args.join(' ')}: ${ended.code}\n${ended.stdout}${ended.stderr}`);
      return jsonLines(ended.stdout);
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      removeNow(folder);
    },
  };
}
