/** What may be wrong with a data folder. */
export type FindingKind =
  | 'content_missing'
  | 'content_damaged'
  | 'content_unreadable'
  | 'content_orphaned'
  | 'file_without_version'
  | 'session_without_bytes'
  | 'part_damaged'
  | 'part_unreadable'
  | 'space_used_off'
  | 'space_reserved_off'
  | 'item_count_off'
  | 'item_size_off'
  | 'child_count_off';

/** One thing that is wrong. */
export interface Finding {
  kind: FindingKind;
  /** In a sentence, with what to do where nothing can be mended by itself. */
  message: string;
  /** The rows and bytes it is about: ids as the database has them. */
  about: Record<string, string | number>;
  /** Whether `mend` puts it right without guessing and without deleting what a person may want. */
  mendable: boolean;
  /** Set where it was put right. */
  mended?: boolean;
}

/** Something that was found, and how to put it right where that takes no guess. */
export interface Found extends Omit<Finding, 'mendable' | 'mended'> {
  /** False where it turned out that there was nothing to put right any more. */
  mend?: () => Promise<boolean>;
}
