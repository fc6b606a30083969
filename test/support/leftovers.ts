import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';

/** Processes and folders that a failing or interrupted test would leave behind; removed when this process ends. */
const processes = new Set<ChildProcess>();
const folders = new Set<string>();

/** Kills `child` when this process ends, if it is still running. */
export function killAtExit(child: ChildProcess): void {
  processes.add(child);
  child.once('exit', () => processes.delete(child));
}

/** Deletes `folder` with its contents when this process ends. */
export function deleteAtExit(folder: string): string {
  folders.add(folder);
  return folder;
}

/** Deletes `folder` immediately instead. */
export function deleteFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  folders.delete(folder);
}

function cleanUp(): void {
  for (const child of processes) child.kill('SIGKILL');
  for (const folder of [...folders]) deleteFolder(folder);
}

process.once('exit', cleanUp);
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(code));
}
