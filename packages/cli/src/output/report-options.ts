import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT, Failure } from '../exit-codes.ts';
import type { Outcome, Transfer, Verbosity } from './transfer-report.ts';

export interface ReportOptions {
  json: boolean;
  verbosity: Verbosity;
  /** Whether identical files that are skipped have a line each. Thousands of them are only counted. */
  showsPresent: boolean;
}

/** Adds the options that decide how much is printed. */
export function addReportOptions(command: Command): Command {
  return command
    .option('-q, --quiet', 'print only errors')
    .option('-v, --verbose', 'also print retries, skipped files, SHA-1 hashes and IDs');
}

/** Returns how much the options of a command ask for. */
export function parseVerbosity({ quiet, verbose }: { quiet?: boolean; verbose?: boolean }): Verbosity {
  if (quiet && verbose) throw new Failure(EXIT.usage, 'Use either --quiet or --verbose, not both.');
  return quiet ? 'quiet' : verbose ? 'verbose' : 'normal';
}

/** Returns the message of an outcome, with details if they were asked for. */
export function renderMessage({ message, details }: Outcome, isVerbose: boolean): string {
  return isVerbose ? (details ?? message) : message;
}

/** Whether the message of an outcome names the transfer already. */
export function isLabelNamed({ label, path = label }: Transfer, { namedPath }: Outcome): boolean {
  return namedPath !== undefined && resolve(namedPath) === resolve(path);
}
