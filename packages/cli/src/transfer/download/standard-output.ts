import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { NodeClient } from '@partway/client/node/index';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';
import { handleInterrupts } from '../../process.ts';
import { forEachItem } from '../../remote/each-item.ts';
import { type FetchedBytes, fetchRest, type RemoteVersion } from './fetch-bytes.ts';
import { getRemoteVersion } from './remote-files.ts';

/** The path that means standard output. */
export const STANDARD_OUTPUT = '-';

/** Prints the contents of files to stdout, one after the other, and verifies each. Errors are printed to stderr. */
export async function printFiles(
  { client, args }: { client: NodeClient; args: readonly string[] },
  version?: string,
): Promise<void> {
  using stop = handleInterrupts('Run the same command again.');
  const { signal } = stop;
  await forEachItem({ client }, args, async ({ type, id, path }) => {
    signal.throwIfAborted();
    if (type !== 'file') throw new Failure(EXIT.usage, `${escapeControl(path)} is a folder.`);
    await writeToStdout(client, await getRemoteVersion(client, id, version, { signal }), { signal });
  });
}

/**
 * Writes the bytes of a version to stdout as they arrive, and resumes after lost connections. They are verified at the end:
 * what was written before cannot be taken back, so the exit code tells whether it was correct.
 * @throws Failure if the bytes do not have the SHA-1 of the version.
 */
async function writeToStdout(
  client: NodeClient,
  remote: RemoteVersion,
  { signal, output = process.stdout }: { signal: AbortSignal; output?: NodeJS.WritableStream },
): Promise<void> {
  const fetched: FetchedBytes = { bytes: 0, hash: createHash('sha1') };
  const sink = {
    async write(chunk: Uint8Array) {
      if (!output.write(chunk)) await once(output, 'drain', { signal });
    },
    async restart() {
      throw new Failure(EXIT.failed, 'The connection was lost, and the server cannot resume. Run the command again.');
    },
  };
  await fetchRest(client, remote, { sink, fetched, signal, onBytes: () => {} });
  const sha1 = fetched.hash.digest('hex');
  if (sha1 === remote.sha1) return;
  throw new Failure(
    EXIT.failed,
    `The bytes that were written have the SHA-1 ${escapeControl(sha1)} instead of ${escapeControl(remote.sha1)}. Discard them, and run the command again.`,
  );
}
