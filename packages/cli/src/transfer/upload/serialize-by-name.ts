import { nameKey } from '@partway/protocol/names';
import type { UploadFolder } from './upload-folder.ts';

/**
 * Does the work for files that may take each other's names one after the other: those of one folder whose names differ in
 * nothing but case and the numbers that `rename` adds. All others go on beside them.
 */
export function serializeByName(): (folder: UploadFolder, name: string, work: () => Promise<void>) => Promise<void> {
  const last = new Map<string, Promise<void>>();
  return (folder, name, work) => {
    const kind = `${folder.key}/${nameKey(bareName(name))}`;
    const mine = (last.get(kind) ?? Promise.resolve()).then(work).finally(() => {
      if (last.get(kind) === mine) last.delete(kind);
    });
    last.set(kind, mine);
    return mine;
  };
}

/** `report.pdf` for `report (2).pdf`, and for `report (2) (1).pdf`. */
export function bareName(name: string): string {
  const dot = name.lastIndexOf('.');
  const stem = dot < 0 ? name : name.slice(0, dot);
  const shorter = withoutNumbers(stem);
  return shorter === stem ? withoutNumbers(name) : shorter + name.slice(dot < 0 ? name.length : dot);
}

/** Without all ` (n)` at its end. */
function withoutNumbers(text: string): string {
  let end = text.length;
  while (text[end - 1] === ')') {
    const start = text.lastIndexOf(' (', end - 1);
    if (start < 0 || !/^\d+$/.test(text.slice(start + 2, end - 1))) break;
    end = start;
  }
  return text.slice(0, end);
}
