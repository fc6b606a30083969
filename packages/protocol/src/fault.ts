import type { RefusalCode } from './errors.ts';

/** What is wrong with a value that a client sent: the rest of a sentence that begins with the field's name. */
export interface Fault {
  /** "must be …", "cannot be used: …" */
  says: string;
  /** The code of its refusal; that of the field where it is left out. */
  code?: RefusalCode;
}
