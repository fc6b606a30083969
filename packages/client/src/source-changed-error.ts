/** The source gives other bytes than it gave before, and cannot be begun anew by itself. */
export class SourceChangedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SourceChangedError';
  }
}
