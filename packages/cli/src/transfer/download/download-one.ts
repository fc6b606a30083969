import type { NodeClient } from '@partway/client/node/index';
import { Meter } from '../../output/meter.ts';
import { formatBytes, formatSpeed } from '../../output/quantities.ts';
import { escapeControl } from '../../output/text.ts';
import type { RunningTransfer, TransferReport } from '../../output/transfer-report.ts';
import type { Tally } from '../tally.ts';
import { downloadFile } from './download-file.ts';
import { isPresent } from './local-target.ts';
import type { RemoteFile } from './remote-files.ts';

export interface DownloadRun {
  client: NodeClient;
  force: boolean;
  signal: AbortSignal;
  report: TransferReport;
  tally: Tally;
}

/** Fetches one file, and tells of it. One that is here already, with the same bytes, is one less to do. */
export async function downloadOne(order: DownloadRun, { label, wanted, target, over }: RemoteFile): Promise<void> {
  const { client, report, tally, signal } = order;
  const running = report.begin({ label, totalBytes: wanted.size });
  try {
    const fields = { file_id: wanted.fileId, sha1: wanted.sha1, bytes: wanted.size, to: target };
    if (await isPresent(target, wanted, order)) {
      tally.present += 1;
      running.end({ kind: 'present', message: `is here already, as ${escapeControl(target)}`, fields });
      return;
    }
    const began = performance.now();
    const came = await downloadFile(client, wanted, target, { signal, ...told(running, wanted.size) });
    tally.done(came);
    const message = `${escapeControl(target)}, ${formatSpeed(came, performance.now() - began)}, SHA-1 ${wanted.sha1}`;
    running.end({ kind: 'done', message, fields: { ...fields, bytes_received: came } });
  } catch (error) {
    tally.failed(error, running);
  } finally {
    over();
  }
}

function told(running: RunningTransfer, size: number) {
  const meter = new Meter(size);
  return {
    onBytes(doneBytes: number) {
      meter.sample(doneBytes);
      running.progress({ doneBytes, ...meter.read() });
    },
    onResumed(bytes: number) {
      meter.begin(bytes);
      running.event(`goes on after ${formatBytes(bytes)}`, { event: 'resumed', bytes });
    },
  };
}
