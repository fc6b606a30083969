import { EXIT, Failure } from '../exit-codes.ts';

/** Two items of a run have the same name on the server, or the same local path. */
export class NameConflictError extends Failure {
  /** Whether both are the same item. */
  readonly isSame: boolean;

  constructor(message: string, isSame: boolean) {
    super(EXIT.conflict, message);
    this.isSame = isSame;
  }
}
