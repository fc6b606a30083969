import { nameKey } from '../../files/names.ts';
import type { UploadFolder } from './upload-folder.ts';

/**
 * Does the work for files that may take each other's names one after the other: those of one folder whose names differ in
 * nothing but case and the numbers that `rename` adds. All others go on beside them.
 */
export function oneOfAKind(): (folder: UploadFolder, name: string, work: () => Promise<void>) => Promise<void> {
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
  return name.replace(/(?: \(\d+\))+(?=(?:\.[^.]*)?$)/, '');
}
