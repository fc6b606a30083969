import { type Config, readConfig } from '@partway/server/config/config';
import type { SettingName } from '@partway/server/config/settings';
import type { Tables } from '@partway/server/database/schema';
import type { Command } from 'commander';
import type { Kysely } from 'kysely';
import { addValueOption, renderValue, valueField } from '../output/value.ts';
import { addSettings, readSettings } from './settings-options.ts';

/** The result of a command, for people and for programs. */
export interface Output {
  text: string;
  json: unknown;
}

interface DatabaseOptions {
  /** The field of the JSON output that `--value` prints by default. */
  mainField?: string;
  /** Settings that the command has in addition to those of the database. */
  settings?: readonly SettingName[];
}

/**
 * Makes `command` work on the database of a data folder and print the result: as JSON with `--json`, and one field of it with
 * `--value`, by default `mainField`.
 */
export function databaseCommand(
  command: Command,
  work: (db: Kysely<Tables>, args: string[], config: Config) => Promise<Output>,
  { mainField = 'id', settings = [] }: DatabaseOptions = {},
): Command {
  addValueOption(command.option('--json', 'print JSON'), mainField);
  return addSettings(command, ['PARTWAY_DATA', 'PARTWAY_DATABASE', ...settings]).action(async () => {
    // Loaded lazily: the database's modules are large, and other commands do not need them.
    const { withDatabase } = await import('./data/with-database.ts');
    const config = readConfig(readSettings(command));
    const { text, json } = await withDatabase(config, (db) => work(db, command.args, config));
    const field = valueField(command, mainField);
    const output =
      command.opts().json === true
        ? JSON.stringify(json, undefined, 2)
        : field === undefined
          ? text
          : renderValue(json, field);
    // An empty list must print no line, so that scripts can count lines.
    if (output !== '') console.log(output);
  });
}

/** Returns the value of a text option. */
export function textOption(command: Command, name: string): string | undefined {
  const value: unknown = command.opts()[name];
  return typeof value === 'string' ? value : undefined;
}

/** Returns the values of a list option; empty by default. */
export function listOption(command: Command, name: string): string[] {
  const value: unknown = command.opts()[name];
  return Array.isArray(value) ? value.map(String) : [];
}
