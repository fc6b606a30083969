import { EXIT, type ExitCode, Failure } from './exit-codes.ts';

/** The command was stopped by Ctrl-C or another signal. */
export class Interrupted extends Failure {
  constructor(exitCode: ExitCode, advice: string) {
    super(exitCode, `Stopped. ${advice}`);
  }
}

const CODES = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, SIGHUP: EXIT.hangup } as const;

/**
 * Handles signals until it is disposed. The first Ctrl-C (or SIGTERM, SIGHUP) aborts `signal`, so that the command can stop
 * cleanly and print how to resume (`advice`). The second one ends the process immediately.
 */
export function handleInterrupts(
  advice = 'Run the same command again to resume.',
): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    const code = CODES[name as keyof typeof CODES];
    if (controller.signal.aborted) process.exit(code);
    controller.abort(new Interrupted(code, advice));
  };
  const names = Object.keys(CODES) as (keyof typeof CODES)[];
  for (const name of names) process.on(name, onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

let initialUmask: number | undefined;

/** Makes all files that the process creates from now on accessible to their owner only. */
export function restrictUmask(): void {
  initialUmask = process.umask(0o077);
}

/** Restores the user's umask, for files that the user requested and that are not secret. */
export function restoreUmask(): void {
  if (initialUmask !== undefined) process.umask(initialUmask);
}
