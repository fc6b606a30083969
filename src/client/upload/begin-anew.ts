import type { RestartReason } from '../upload-events.ts';

/** Thrown where what was sent so far is of no use any more; the upload then begins from the first byte. */
export class BeginAnew extends Error {
  readonly reason: RestartReason;

  constructor(reason: RestartReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BeginAnew';
    this.reason = reason;
  }
}
