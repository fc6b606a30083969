import type { NodeClient } from '@partway/client/node/index';
import type { Throttle } from '@partway/client/node/throttle';
import type { Command } from 'commander';
import { printJson } from '../output/json.ts';
import { type Column, printTable } from '../output/table.ts';
import { quoteForShell } from '../output/text.ts';
import { addValueOption, renderValue, valueField } from '../output/value.ts';
import { chooseServer } from '../profiles/choose-server.ts';
import { connect } from '../profiles/connect.ts';
import { addServerOptions, parseServerChoice, type ServerChoice } from '../profiles/server-options.ts';
import { RetryNotices } from '../remote/retry-notices.ts';

/** The context of a command that connects to a server. */
export interface RemoteCall {
  client: NodeClient;
  args: string[];
  /** Whether to print JSON, one object per line. */
  json: boolean;
  /** The field that `--value` selected. */
  field: string | undefined;
  /** Prints a result: `fields` as JSON with `--json`, one of them with `--value`, and otherwise `text`. */
  print(fields: object, text: string): void;
  /** Prints a list: as `print` does, or as a table. `empty` is for an empty table on a terminal. */
  printList<Row>(
    rows: readonly Row[],
    list: { toJson: (row: Row) => object; columns: readonly Column<Row>[]; empty: string },
  ): void;
  /** The options that selected the server, for commands in messages: empty, or for example " --profile work". */
  serverFlags: string;
  /** Prints that the command is waiting for the server. */
  notices: RetryNotices;
}

interface RemoteOptions {
  /** The field of the results that `--value` prints by default. Without it, the command has no such option. */
  mainField?: string;
  /** Whether the command prints results, and therefore has `--json`. */
  hasResults?: boolean;
}

/** Makes `command` connect to the server that its options, the environment or the default profile select. */
export function remoteCommand(
  command: Command,
  work: (call: RemoteCall) => Promise<void>,
  { mainField, hasResults = true }: RemoteOptions = {},
): Command {
  if (hasResults) command.option('--json', 'print one JSON object per line');
  if (mainField !== undefined) addValueOption(command, mainField);
  return addServerOptions(command).action(async () => {
    const notices = new RetryNotices();
    const { bwlimit: throttle } = command.opts<{ bwlimit?: Throttle }>();
    const { onRetry } = notices;
    using client = connect(await chooseServer(parseServerChoice(command)), { onRetry, throttle });
    const json = command.opts().json === true;
    const field = mainField === undefined ? undefined : valueField(command, mainField);
    const print = (fields: object, text: string) => {
      if (json) printJson(fields);
      else console.log(field === undefined ? text : renderValue(fields, field));
    };
    const printList: RemoteCall['printList'] = (rows, { toJson, columns, empty }) => {
      if (json || field !== undefined) for (const row of rows) print(toJson(row), '');
      else printTable(rows, columns, empty);
    };
    await work({
      client,
      args: command.args,
      json,
      field,
      print,
      printList,
      serverFlags: serverFlags(command),
      notices,
    });
  });
}

function serverFlags(command: Command): string {
  const { profile, server } = command.opts<ServerChoice>();
  const flags = Object.entries({ profile, server }).filter(([, value]) => value !== undefined);
  return flags.map(([name, value]) => ` --${name} ${quoteForShell(value ?? '')}`).join('');
}
