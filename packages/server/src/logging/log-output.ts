import { writeSync } from 'node:fs';
import type { Millis } from '@partway/protocol/ids';
import { errorCode } from '../util/system-error.ts';

/** What lines that cannot be written may take, in bytes. */
const MOST_PENDING = 1024 * 1024;
/** How soon a full pipe, and an output that failed, is tried again. */
const SOON: Millis = 50;
const LATER: Millis = 1_000;

interface LogOutputOptions {
  /** Where to write; standard error unless a test says otherwise. */
  fd?: number;
  /** The system call; a test puts faults in. Returns how many bytes were written, or throws the system's error. */
  write?: (fd: number, bytes: Uint8Array) => number;
  /** Told once lines can be written again, how many were lost meanwhile and what the system said. */
  onRecovered?: (lost: number, code: string) => void;
}

/**
 * Writes lines of the log. Never throws and never waits: if the output takes none (a pipe whose reader has stopped or gone, a
 * full disk), up to a mebibyte of lines is kept and tried again; lines beyond that are counted and dropped.
 */
export class LogOutput {
  onRecovered: (lost: number, code: string) => void;
  readonly #fd: number;
  readonly #write: (fd: number, bytes: Uint8Array) => number;
  readonly #pending: Buffer[] = [];
  #pendingBytes = 0;
  #lost = 0;
  #why = '';
  #retry: NodeJS.Timeout | undefined;

  constructor({ fd = process.stderr.fd, write = writeSync, onRecovered = () => {} }: LogOutputOptions = {}) {
    this.#fd = fd;
    this.#write = write;
    this.onRecovered = onRecovered;
  }

  /** Bytes of lines that wait for the output. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Lines lost since the output failed. */
  get lost(): number {
    return this.#lost;
  }

  /** Writes a line, or keeps or drops it. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#pendingBytes + bytes.length > MOST_PENDING) {
      this.#lost += 1;
      return;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#retry === undefined) this.flush();
  }

  /** Tries now to write what waits. */
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
        this.#why = String(errorCode(error) ?? error);
        this.#retry = setTimeout(() => this.flush(), this.#why === 'EAGAIN' ? SOON : LATER);
        // A log that nobody takes keeps no process from its end.
        this.#retry.unref();
        return;
      }
    }
    if (this.#lost === 0) return;
    const lost = this.#lost;
    this.#lost = 0;
    this.onRecovered(lost, this.#why);
  }
}

let standardError: LogOutput | undefined;

/** The one of this process. What waits at the end of the process is tried a last time. */
export function logToStandardError(): LogOutput {
  if (standardError === undefined) {
    const output = new LogOutput();
    process.on('exit', () => output.flush());
    standardError = output;
  }
  return standardError;
}
