import { nameKey } from '@partway/protocol/names';
import { KeyedQueue } from '@partway/server/util/keyed-queue';
import type { UploadFolder } from './upload-folder.ts';

/**
 * Runs work for files that may get the same name one after the other: files of one folder whose names differ only in case
 * and in the numbers that `rename` adds. Work for all other files runs concurrently.
 */
export function serializeByName(): (folder: UploadFolder, name: string, work: () => Promise<void>) => Promise<void> {
  const queue = new KeyedQueue<string>();
  return (folder, name, work) => queue.run(`${folder.key}/${nameKey(stripNumbers(name))}`, work);
}

/** Returns `report.pdf` for `report (2).pdf`, and for `report (2) (1).pdf`. */
export function stripNumbers(name: string): string {
  const dot = name.lastIndexOf('.');
  const stem = dot < 0 ? name : name.slice(0, dot);
  const shorter = stripNumbersAtEnd(stem);
  return shorter === stem ? stripNumbersAtEnd(name) : shorter + name.slice(dot < 0 ? name.length : dot);
}

/** Removes all ` (n)` at the end. */
function stripNumbersAtEnd(text: string): string {
  let end = text.length;
  while (text[end - 1] === ')') {
    const start = text.lastIndexOf(' (', end - 1);
    if (start < 0 || !/^\d+$/.test(text.slice(start + 2, end - 1))) break;
    end = start;
  }
  return text.slice(0, end);
}
