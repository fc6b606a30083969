/** The exit codes of all commands, documented in docs/use/command-line.md. */
export const EXIT = {
  success: 0,
  failed: 1,
  usage: 2,
  problemsFound: 3,
  accessDenied: 4,
  notFound: 5,
  conflict: 6,
  unreachable: 7,
  hangup: 129,
  interrupted: 130,
  brokenPipe: 141,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Returns the exit code of all failures if they agree, otherwise 1; success if there is none. */
export function combineExitCodes(codes: Iterable<ExitCode>): ExitCode {
  const [code, ...others] = new Set(codes);
  return others.length > 0 ? EXIT.failed : (code ?? EXIT.success);
}

/** Ends a command with an exit code, and a message that says what happened and what to do. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
