/** What is wrong with a value that a client sent. */
export interface Fault {
  /** The rest of a sentence that begins with the field's name, without a period: "must be …", "cannot be used: …". */
  message: string;
  /** Set if the fault has its own error code. By default, the field decides. */
  kind?: 'name-invalid' | 'name-too-long';
}
