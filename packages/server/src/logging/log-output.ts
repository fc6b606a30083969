import { writeSync } from 'node:fs';
import type { Millis } from '@partway/protocol/ids';
import { errorCode } from '../util/system-error.ts';

const MAX_PENDING_BYTES = 1024 * 1024;
/** Pause before writing to a full pipe again. */
const FULL_PIPE_PAUSE: Millis = 50;
/** Pause before writing again after any other error. */
const ERROR_PAUSE: Millis = 1_000;

interface LogOutputOptions {
  /** Standard error by default. */
  fd?: number;
  /** The system call, which tests replace. Returns the number of bytes written, or throws the system's error. */
  write?: (fd: number, bytes: Uint8Array) => number;
  /** Called when lines can be written again, with the number of lost lines and the system's error code. */
  onRecovered?: (lost: number, code: string) => void;
}

/**
 * Writes log lines. Never throws and never waits. If the output accepts nothing (its reader has stopped or exited, or the
 * disk is full), up to 1 MiB of lines is kept and retried; further lines are dropped and counted.
 */
export class LogOutput {
  onRecovered: (lost: number, code: string) => void;
  readonly #fd: number;
  readonly #write: (fd: number, bytes: Uint8Array) => number;
  readonly #pending: Buffer[] = [];
  #pendingBytes = 0;
  #lost = 0;
  #errorCode = '';
  #retry: NodeJS.Timeout | undefined;

  constructor({ fd = process.stderr.fd, write = writeSync, onRecovered = () => {} }: LogOutputOptions = {}) {
    this.#fd = fd;
    this.#write = write;
    this.onRecovered = onRecovered;
  }

  /** Size of the lines that are waiting to be written. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Number of lines dropped since the output failed. */
  get lost(): number {
    return this.#lost;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#pendingBytes + bytes.length > MAX_PENDING_BYTES) {
      this.#lost += 1;
      return;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#retry === undefined) this.flush();
  }

  /** Tries to write the waiting lines now. */
  flush(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    for (let [first] = this.#pending; first !== undefined; [first] = this.#pending) {
      try {
        const written = this.#write(this.#fd, first);
        this.#pendingBytes -= written;
        if (written < first.length) this.#pending[0] = first.subarray(written);
        else this.#pending.shift();
      } catch (error) {
        this.#errorCode = String(errorCode(error) ?? error);
        const pause = this.#errorCode === 'EAGAIN' ? FULL_PIPE_PAUSE : ERROR_PAUSE;
        // Lines that cannot be written must not keep the process running.
        this.#retry = setTimeout(() => this.flush(), pause).unref();
        return;
      }
    }
    if (this.#lost === 0) return;
    const lost = this.#lost;
    this.#lost = 0;
    this.onRecovered(lost, this.#errorCode);
  }
}

let standardError: LogOutput | undefined;

/** This process's log output. Waiting lines are tried one last time when the process exits. */
export function logToStandardError(): LogOutput {
  if (standardError === undefined) {
    const output = new LogOutput();
    process.on('exit', () => output.flush());
    standardError = output;
  }
  return standardError;
}
