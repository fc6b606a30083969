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

/** Downloads one file and reports it. An identical local file is skipped. */
export async function downloadOne(run: DownloadRun, { label, remote, target, release }: RemoteFile): Promise<void> {
  const { client, report, tally, signal } = run;
  const running = report.begin({ label, totalBytes: remote.size });
  try {
    const fields = { file_id: remote.fileId, sha1: remote.sha1, bytes: remote.size, to: target };
    if (await isPresent(target, remote, run)) {
      tally.present += 1;
      running.end({ kind: 'present', message: `skipped, identical file exists (${escapeControl(target)})`, fields });
      return;
    }
    const startedAt = performance.now();
    const received = await downloadFile(client, remote, target, { signal, ...progressCallbacks(running, remote.size) });
    tally.recordDone(received);
    const message = `${escapeControl(target)}, ${formatSpeed(received, performance.now() - startedAt)}, SHA-1 ${remote.sha1}`;
    running.end({ kind: 'done', message, fields: { ...fields, bytes_received: received } });
  } catch (error) {
    tally.recordFailure(error, running);
  } finally {
    release();
  }
}

function progressCallbacks(running: RunningTransfer, size: number) {
  const meter = new Meter(size);
  return {
    onBytes(doneBytes: number) {
      meter.sample(doneBytes);
      running.progress({ doneBytes, ...meter.read() });
    },
    onResumed(bytes: number) {
      meter.reset(bytes);
      running.event(`resuming at ${formatBytes(bytes)}`, { event: 'resumed', bytes });
    },
  };
}
