/** A job of a disk thread. */
export type DiskJob =
  /** List a folder, with sizes. */
  | { kind: 'scan'; folder: string }
  /** Hash these files. */
  | { kind: 'hash'; paths: string[] };

/** An item in a folder. */
export type ScannedEntry =
  | { kind: 'file'; name: string; size: number }
  | { kind: 'folder' | 'link' | 'other'; name: string }
  /** The name is not valid UTF-8. */
  | { kind: 'undecodable'; escaped: string }
  | { kind: 'error'; name: string; error: DiskError };

/** An error of the system, in a form that can be sent between threads. */
export interface DiskError {
  message: string;
  code: string | undefined;
  path: string | undefined;
}

export type DiskResult = { entries: ScannedEntry[] } | { digests: (string | DiskError)[] } | { error: DiskError };

/** Converts an error of a thread back to an Error. */
export function toError({ message, code, path }: DiskError): NodeJS.ErrnoException {
  return Object.assign(new Error(message), {
    ...(code !== undefined && { code }),
    ...(path !== undefined && { path }),
  });
}
