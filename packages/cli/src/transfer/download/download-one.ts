import type { NodeClient } from '@partway/client/node/index';
import { Meter } from '../../output/meter.ts';
import { formatBytes, formatSpeed } from '../../output/quantities.ts';
import { escapeControl } from '../../output/text.ts';
import type { RunningTransfer, TransferReport } from '../../output/transfer-report.ts';
import { retryMessage } from '../../remote/retry-notices.ts';
import { Outages } from '../outages.ts';
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
export async function downloadOne(
  run: DownloadRun,
  { label, path, remote, target, release }: RemoteFile,
): Promise<void> {
  const { client, report, tally, signal } = run;
  const running = report.begin({ label, path, totalBytes: remote.size });
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
    const message = formatSpeed(received, performance.now() - startedAt);
    const details = `${escapeControl(target)}, ${message}, SHA-1 ${remote.sha1}`;
    running.end({ kind: 'done', message, details, fields: { ...fields, bytes_received: received } });
  } catch (error) {
    tally.recordFailure(error, running);
  } finally {
    release();
  }
}

function progressCallbacks(running: RunningTransfer, size: number) {
  const meter = new Meter(size);
  const outages = new Outages();
  return {
    onRetry({ error, waitMillis, outage }: { error: unknown; waitMillis: number; outage: number }) {
      const message = retryMessage(error, waitMillis);
      const fields = { event: 'retrying', wait_millis: waitMillis };
      running.retry({ message, fields, waitMillis, isNews: outages.isNews({ outage, error }) });
    },
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
