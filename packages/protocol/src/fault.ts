/** What is wrong with a value that a client sent: the rest of a sentence that begins with the name of the field. */
export interface Fault {
  /** "must be …", "cannot be used: …" */
  says: string;
  /** Set if the fault has an error code of its own; otherwise it has that of the field. */
  kind?: 'name-invalid' | 'name-too-long';
}
