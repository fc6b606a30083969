/** The problems that a check can find. */
export type FindingKind =
  | 'blob_missing'
  | 'blob_damaged'
  | 'blob_unreadable'
  | 'blob_orphaned'
  | 'file_without_version'
  | 'session_without_bytes'
  | 'part_damaged'
  | 'part_unreadable'
  | 'space_used_off'
  | 'space_reserved_off'
  | 'item_count_off'
  | 'item_size_off'
  | 'child_count_off';

/** A problem. */
export interface Finding {
  kind: FindingKind;
  /** Describes the problem, and says what to do if it cannot be repaired automatically. */
  message: string;
  /** The rows and blobs concerned, with the IDs of the database. */
  about: Record<string, string | number>;
  /** Whether it can be repaired without guessing and without deleting anything that could be wanted. */
  repairable: boolean;
  /** True if it has been repaired, false if the repair was no longer necessary. Absent if no repair was tried. */
  repaired?: boolean;
}

/** A problem, with its repair if it can be repaired. */
export interface Found extends Omit<Finding, 'repairable' | 'repaired'> {
  /** Resolves to false if the repair was no longer necessary. */
  repair?: () => Promise<boolean>;
}
