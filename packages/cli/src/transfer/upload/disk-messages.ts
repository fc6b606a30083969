/** What is asked of a disk thread. */
export type DiskJob =
  /** What is in a folder, with sizes. */
  | { kind: 'scan'; folder: string }
  /** The SHA-1 of each of these files. */
  | { kind: 'hash'; paths: string[] };

/** What is met in a folder. */
export type ScannedEntry =
  | { kind: 'file'; name: string; size: number }
  | { kind: 'folder' | 'link' | 'other'; name: string }
  /** A name that is not valid UTF-8, with its other bytes escaped. */
  | { kind: 'undecodable'; escaped: string }
  | { kind: 'error'; name: string; error: DiskError };

/** An error of the system, as a message between threads carries it. */
export interface DiskError {
  message: string;
  code: string | undefined;
  path: string | undefined;
}

export type DiskAnswer = { entries: ScannedEntry[] } | { digests: (string | DiskError)[] } | { error: DiskError };

/** An error that a thread met, as it is thrown. */
export function toError({ message, code, path }: DiskError): NodeJS.ErrnoException {
  return Object.assign(new Error(message), {
    ...(code !== undefined && { code }),
    ...(path !== undefined && { path }),
  });
}
