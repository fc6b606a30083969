import { stat } from 'node:fs/promises';
import type { NodeClient } from '@partway/client/node/index';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';
import type { TransferReport } from '../../output/transfer-report.ts';
import { getItem } from '../../remote/find-item.ts';
import { isId } from '../../remote/paths.ts';
import type { Filter } from '../filter/filter.ts';
import type { Tally } from '../tally.ts';
import type { DiskThreads } from '../upload/disk-threads.ts';
import { readLocalTree, readRemoteTree } from './read-trees.ts';
import { emptyTree, excludeInBoth, type Tree } from './tree.ts';

/** A local folder and one on the server. */
export interface FolderPair {
  local: string;
  /** Its path or ID. */
  remote: string;
  /** Whether the local folder is the source. */
  isUpload: boolean;
}

export interface PairOptions {
  to?: string;
  from?: string;
}

/** Returns the folders on the command line. @throws Failure unless there is one of each. */
export function parseFolderPair(
  name: string,
  [local = '', ...others]: readonly string[],
  { to, from }: PairOptions,
): FolderPair {
  const usage = `partway ${name} LOCAL-FOLDER --to REMOTE-FOLDER, or partway ${name} LOCAL-FOLDER --from REMOTE-FOLDER`;
  if (others.length > 0 || local === '') throw new Failure(EXIT.usage, `Name one local folder: ${usage}`);
  const remote = to ?? from;
  if (remote === undefined || (to !== undefined && from !== undefined)) {
    throw new Failure(EXIT.usage, `Use either --to or --from, which decides the direction: ${usage}`);
  }
  return { local, remote, isUpload: to !== undefined };
}

export interface PairRead {
  client: NodeClient;
  disk: DiskThreads;
  filter: Filter;
  signal: AbortSignal;
  report: TransferReport;
  tally: Tally;
}

/** The contents of both folders. */
export interface FolderContents {
  source: Tree;
  destination: Tree;
  /** The ID of the folder on the server; undefined if it does not exist. */
  remoteId: string | undefined;
}

/** Reads both folders. Only the destination may be missing, and only with `createsDestination`. */
export async function readFolderPair(
  pair: FolderPair,
  read: PairRead,
  { createsDestination }: { createsDestination: boolean },
): Promise<FolderContents> {
  const { local, remote, isUpload } = pair;
  const isLocalMissing = await isMissing(local);
  if (isLocalMissing && (isUpload || !createsDestination)) {
    throw new Failure(EXIT.notFound, `${escapeControl(local)} does not exist. Nothing was changed.`);
  }
  const remoteId = await findRemoteFolder(read, remote, isUpload && createsDestination);
  const [localTree, remoteTree] = await Promise.all([
    isLocalMissing ? emptyTree() : readLocal(local, read),
    remoteId === undefined ? emptyTree() : readRemoteTree(remoteId, read),
  ]);
  excludeInBoth(localTree, remoteTree);
  const [source, destination] = isUpload ? [localTree, remoteTree] : [remoteTree, localTree];
  return { source, destination, remoteId };
}

async function isMissing(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
  throw new Failure(EXIT.usage, `${escapeControl(path)} is not a folder.`);
}

async function findRemoteFolder(
  { client, signal }: PairRead,
  remote: string,
  mayBeMissing: boolean,
): Promise<string | undefined> {
  try {
    return (await getItem(client, remote, 'folder', undefined, { signal })).id;
  } catch (error) {
    const isNotFound = error instanceof Failure && error.exitCode === EXIT.notFound;
    if (mayBeMissing && isNotFound && !isId(remote)) return undefined;
    throw error;
  }
}

function readLocal(folder: string, { disk, filter, report, tally }: PairRead): Promise<Tree> {
  return readLocalTree(folder, {
    disk,
    filter,
    onError: (path, error) => tally.recordFailure(error, report.begin({ label: path || folder, totalBytes: 0 })),
    onSkipped: (path, why) => report.notice(`Skipped ${escapeControl(path)}: ${why}.`, { path, why }),
  });
}
