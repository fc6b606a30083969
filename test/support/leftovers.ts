import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';

/** What a test that fails, or that is stopped from outside, would leave behind: this process takes it along. */
const processes = new Set<ChildProcess>();
const folders = new Set<string>();

/** Kills `child` when this process ends, if it still runs then. */
export function leftoverProcess(child: ChildProcess): void {
  processes.add(child);
  child.once('exit', () => processes.delete(child));
}

/** Removes `folder` with all in it when this process ends. */
export function leftoverFolder(folder: string): string {
  folders.add(folder);
  return folder;
}

/** Removes `folder` now rather than at the end. */
export function removeNow(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  folders.delete(folder);
}

function takeAlong(): void {
  for (const child of processes) child.kill('SIGKILL');
  for (const folder of [...folders]) removeNow(folder);
}

process.once('exit', takeAlong);
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(code));
}
