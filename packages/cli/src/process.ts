import { EXIT, type ExitCode, Failure } from './exit-codes.ts';

/** Somebody stopped the command: by Ctrl-C, or by a signal that asks it to end. */
export class Interrupted extends Failure {
  constructor(exitCode: ExitCode, advice: string) {
    super(exitCode, `Stopped. ${advice}`);
  }
}

const CODES = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, SIGHUP: EXIT.hungUp } as const;

/**
 * Turns the first Ctrl-C (or SIGTERM, SIGHUP) into an abort of `signal`, so that what is under way can end in order and say
 * how to go on (`advice`); the second one ends the process at once. Until it is disposed of.
 */
export function interrupts(
  advice = 'Run the same command again: it goes on from here.',
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

let usual: number | undefined;

/** From now on, what this process writes is for its owner alone. */
export function writeForOwnerOnly(): void {
  usual = process.umask(0o077);
}

/** From now on, what this process writes is for whom its user says: files that somebody asked for, not secrets. */
export function writeAsUsual(): void {
  if (usual !== undefined) process.umask(usual);
}
