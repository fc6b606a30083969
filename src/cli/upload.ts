import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ConflictPolicy } from '../client/node/index.ts';
import { EXIT, Failure } from './exit-codes.ts';
import { interrupts } from './interrupt.ts';
import { findItem } from './remote/find-item.ts';
import { onServer, type RemoteCall } from './remote-command.ts';
import { shownText } from './term/shown-text.ts';
import { transferReport } from './transfer/report.ts';
import { sideBySide } from './transfer/side-by-side.ts';
import { Tally } from './transfer/tally.ts';
import { type LocalFile, localFiles } from './upload/local-files.ts';
import { RemoteFolders } from './upload/remote-folders.ts';
import { type UploadOrder, uploadOne } from './upload/upload-one.ts';

interface UploadOptions {
  to: string;
  recursive?: boolean;
  parallel?: number;
  conflict: ConflictPolicy;
  name?: string;
}

/** `partway upload` */
export function addUploadCommand(program: Command): void {
  const command = program.command('upload').argument('<path...>', 'files, and with --recursive folders');
  command
    .description('upload files in parallel parts, and go on where an earlier try stopped')
    .option('--to <remote-folder>', 'where to on the server: path from the root folder, or id', '/')
    .option('-r, --recursive', 'folders with all that is in them')
    .option('--parallel <number>', 'requests at a time, at most, 1 to 8; chosen by what the line gives', parallelOf)
    .addOption(
      new Option('--conflict <what>', 'where the name is taken')
        .choices(['fail', 'rename', 'version'] satisfies ConflictPolicy[])
        .default('fail'),
    )
    .option('--name <name>', 'what the file is called on the server');
  onServer(command, (call) => uploadAll(call, command.opts<UploadOptions>()));
}

async function uploadAll({ client, args, json }: RemoteCall, options: UploadOptions): Promise<void> {
  const { to, recursive = false, parallel, conflict, name } = options;
  if (name !== undefined && (args.length > 1 || recursive))
    throw new Failure(EXIT.usage, '--name is for a single file.');
  const target = await findItem(client, to, 'folder');
  const folders = new RemoteFolders(client, target.id);
  using stop = interrupts();
  using report = transferReport({ json });
  const tally = new Tally();
  const order = { client, folders, conflict, parallel, signal: stop.signal, report, tally };
  const work = (file: LocalFile) => uploadOne(order, file, name ?? file.name);
  await sideBySide(filesIn(order, args, recursive), work, stop.signal);
  if (tally.count > 1 || json) tally.summarize(report, { verb: 'uploaded', interrupted: stop.signal.aborted });
  process.exitCode = tally.exitCode;
  if (stop.signal.aborted) throw stop.signal.reason;
}

/** The files, with their folders made on the way, so that empty ones are there too. */
async function* filesIn(
  { folders, report, tally }: UploadOrder,
  paths: readonly string[],
  recursive: boolean,
): AsyncGenerator<LocalFile> {
  const trouble = (label: string, error: unknown) => tally.failed(error, report.begin({ label, totalBytes: 0 }));
  for await (const found of localFiles(paths, { recursive })) {
    if (found.kind === 'file') yield found.file;
    else if (found.kind === 'folder') await folders.idOf(found.folders).catch((error) => trouble(found.path, error));
    else if (found.kind === 'trouble') trouble(found.path, found.error);
    else report.notice(`${shownText(found.path)} is passed over: ${found.why}.`, { path: found.path, why: found.why });
  }
}

function parallelOf(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 8) return number;
  throw new InvalidArgumentError('Give a whole number from 1 to 8.');
}
