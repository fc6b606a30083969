import type { Command } from 'commander';
import type { NodeClient } from '../client/node/index.ts';
import { downloadFile } from './download/download-file.ts';
import { isHere, localTarget } from './download/local-target.ts';
import { wantedFile } from './download/wanted-file.ts';
import { interrupts } from './interrupt.ts';
import { onServer } from './remote-command.ts';
import { Meter } from './term/meter.ts';
import { bytesText } from './term/quantities.ts';
import { type RunningTransfer, transferReport } from './transfer/report.ts';
import { speedText } from './transfer/speed-text.ts';
import { Tally } from './transfer/tally.ts';
import { writeAsUsual } from './umask.ts';

interface DownloadOptions {
  to?: string;
  fileVersion?: string;
  force?: boolean;
}

interface Order {
  client: NodeClient;
  to: string | undefined;
  version: string | undefined;
  force: boolean;
  signal: AbortSignal;
}

/** `partway download` */
export function addDownloadCommand(program: Command): void {
  const command = program.command('download').argument('<remote-file...>', 'paths from the root folder, or ids');
  command
    .description('fetch files, and go on where an earlier try stopped')
    .option('--to <path>', 'a folder here, or the name of the file; this folder unless set')
    .option('--file-version <id>', 'an earlier version of it, by its id')
    .option('--force', 'replace a file that is there and is another one');
  onServer(command, async ({ client, args, json }) => {
    const { to, fileVersion: version, force = false } = command.opts<DownloadOptions>();
    writeAsUsual();
    using stop = interrupts();
    using report = transferReport({ json });
    const tally = new Tally();
    for (const place of args) {
      if (stop.signal.aborted) break;
      await fetchOne({ client, to, version, force, signal: stop.signal }, place, tally, report);
    }
    if (args.length > 1 || json) tally.summarize(report, { verb: 'downloaded', interrupted: stop.signal.aborted });
    process.exitCode = tally.exitCode;
    if (stop.signal.aborted) throw stop.signal.reason;
  });
}

async function fetchOne(
  order: Order,
  place: string,
  tally: Tally,
  report: ReturnType<typeof transferReport>,
): Promise<void> {
  let running: RunningTransfer | undefined;
  try {
    const wanted = await wantedFile(order.client, place, order.version);
    const target = await localTarget(order.to, wanted.name);
    running = report.begin({ label: place, totalBytes: wanted.size });
    const fields = { file_id: wanted.fileId, sha1: wanted.sha1, bytes: wanted.size, to: target };
    if (await isHere(target, wanted, order)) {
      tally.present += 1;
      running.end({ kind: 'present', message: `is here already, as ${target}`, fields });
      return;
    }
    const began = performance.now();
    const came = await downloadFile(order.client, wanted, target, options(order, running, wanted.size));
    tally.done(came);
    const message = `${target}, ${speedText(came, performance.now() - began)}, SHA-1 ${wanted.sha1}`;
    running.end({ kind: 'done', message, fields: { ...fields, bytes_received: came } });
  } catch (error) {
    tally.failed(error, running ?? report.begin({ label: place, totalBytes: 0 }));
  }
}

function options({ signal }: Order, running: RunningTransfer, size: number) {
  const meter = new Meter(size);
  return {
    signal,
    onBytes(doneBytes: number) {
      meter.mark(doneBytes);
      running.progress({ doneBytes, ...meter.read() });
    },
    onResumed(bytes: number) {
      meter.begin(bytes);
      running.event(`goes on after ${bytesText(bytes)}`, { event: 'resumed', bytes });
    },
  };
}
