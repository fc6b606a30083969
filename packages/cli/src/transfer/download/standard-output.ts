import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { NodeClient } from '@partway/client/node/index';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';
import { handleInterrupts } from '../../process.ts';
import { forEachItem } from '../../remote/each-item.ts';
import type { NamedItem } from '../../remote/globs.ts';
import type { RetryNotices } from '../../remote/retry-notices.ts';
import { type FetchedBytes, type FetchOptions, fetchRest, type RemoteVersion } from './fetch-bytes.ts';
import { getRemoteVersion } from './remote-files.ts';

/** The path that means standard output. */
export const STANDARD_OUTPUT = '-';
/** The call of these downloads, as in messages of the client. */
const DOWNLOAD = 'GET /2.0/files/:id/content';

/** Prints the contents of files to stdout, one after the other, and verifies each. Errors are printed to stderr. */
export async function printFiles(
  { client, args, notices }: { client: NodeClient; args: readonly string[]; notices: RetryNotices },
  version?: string,
): Promise<void> {
  using stop = handleInterrupts('Run the same command again.');
  const { signal } = stop;
  const print = async ({ type, id, path }: NamedItem) => {
    signal.throwIfAborted();
    if (type !== 'file') throw new Failure(EXIT.usage, `${escapeControl(path)} is a folder.`);
    const remote = await getRemoteVersion(client, id, version, { signal });
    const onRetry = (retry: { error: unknown; waitMillis: number }) => notices.onRetry({ call: DOWNLOAD, ...retry });
    await writeToStdout(client, remote, { signal, onRetry });
  };
  await forEachItem({ client }, args, print, { signal });
}

/**
 * Writes the bytes of a version to stdout as they arrive, and resumes after lost connections. They are verified at the end:
 * what was written before cannot be taken back, so the exit code tells whether it was correct.
 * @throws Failure if the bytes do not have the SHA-1 of the version.
 */
async function writeToStdout(
  client: NodeClient,
  remote: RemoteVersion,
  {
    output = process.stdout,
    ...options
  }: Pick<FetchOptions, 'signal' | 'onRetry'> & { output?: NodeJS.WritableStream },
): Promise<void> {
  const fetched: FetchedBytes = { bytes: 0, hash: createHash('sha1') };
  const sink = {
    async write(chunk: Uint8Array) {
      if (!output.write(chunk)) await once(output, 'drain', { signal: options.signal });
    },
    async restart() {
      throw new Failure(EXIT.failed, 'The connection was lost, and the server cannot resume. Run the command again.');
    },
  };
  await fetchRest(client, remote, { sink, fetched, onBytes: () => {}, ...options });
  const sha1 = fetched.hash.digest('hex');
  if (sha1 === remote.sha1) return;
  throw new Failure(
    EXIT.failed,
    `The bytes that were written have the SHA-1 ${sha1} instead of ${escapeControl(remote.sha1)}. Discard them, and run the command again.`,
  );
}
