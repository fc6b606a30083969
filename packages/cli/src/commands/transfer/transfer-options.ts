import { TokenBucket } from '@partway/client/node/throttle';
import { parseBytes } from '@partway/server/config/parse';
import { type Command, InvalidArgumentError } from 'commander';
import { addReportOptions } from '../../output/report-options.ts';
import { type Filter, type FilterRule, parseRule, RuleFilter } from '../../transfer/filter/filter.ts';
import { parseWholeNumber } from '../parse-number.ts';

/** The options that all transfers share, except `--bwlimit`, which belongs to the connection. */
export interface TransferOptions {
  filesParallel?: number;
  quiet?: boolean;
  verbose?: boolean;
}

/** Parses the number of concurrent requests for one file. */
export const parseParallel = parseWholeNumber({ min: 1, max: 8 });
const parseFilesParallel = parseWholeNumber({ min: 1, max: 64 });

/** Slower, connections would be idle for so long that servers close them. */
const MIN_RATE = 10 * 1024;

/** Adds the options that limit a transfer, and those that decide how much is printed. */
export function addTransferOptions(command: Command): Command {
  command
    .option('--files-parallel <number>', 'how many small files to transfer at once (default: 4)', parseFilesParallel)
    .option('--bwlimit <rate>', 'maximum bytes per second of all transfers together, such as 10MiB', parseRate);
  return addReportOptions(command);
}

/** Adds `--include` and `--exclude`. Returns the filter of the command line, once that is parsed. */
export function addFilterOptions(command: Command): () => Filter {
  const rules: FilterRule[] = [];
  const collect = (includes: boolean) => (pattern: string) => {
    rules.push(parseRule(includes, pattern));
    return rules;
  };
  command
    .option('--include <pattern>', 'only files like this in folders, such as "*.jpg"; can be repeated', collect(true))
    .option(
      '--exclude <pattern>',
      'no files like this; of several patterns, the first that matches decides',
      collect(false),
    );
  return () => new RuleFilter(rules);
}

function parseRate(text: string): TokenBucket {
  const rate = parseBytes(text.replace(/\/s$/, ''));
  if (rate !== undefined && rate >= MIN_RATE) return new TokenBucket(rate);
  throw new InvalidArgumentError('Use bytes per second, at least 10KiB, such as 500KiB or 10MiB.');
}
