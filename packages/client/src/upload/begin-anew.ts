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

/** For a source that gives other bytes than it gave before. */
export function sourceChanged(name: string, cause?: unknown): BeginAnew {
  return new BeginAnew('source-changed', `${name} has changed since its upload began: it begins anew.`, { cause });
}
