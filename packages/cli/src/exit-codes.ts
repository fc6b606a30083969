/** How a command may end; docs/use/command-line.md says the same in words. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  troubleFound: 3,
  notLetIn: 4,
  notThere: 5,
  conflict: 6,
  unreachable: 7,
  hungUp: 129,
  interrupted: 130,
  nobodyReads: 141,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a message that says what happened and what to do, and an exit code of its own. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
