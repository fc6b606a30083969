import { readConfig } from '@partway/server/config/config';
import type { Tables } from '@partway/server/database/schema';
import type { Command } from 'commander';
import type { Kysely } from 'kysely';
import { addSettings, givenSettings } from './settings-options.ts';

/** What a command found or did, twice: as people read it, and as a program does. */
export interface Output {
  text: string;
  json: unknown;
}

/** Makes `command` work on the rows of a data folder, and print what it did; with `--json` for programs. */
export function databaseCommand(
  command: Command,
  work: (db: Kysely<Tables>, args: string[]) => Promise<Output>,
): Command {
  command.option('--json', 'print JSON');
  return addSettings(command, ['PARTWAY_DATA', 'PARTWAY_DATABASE']).action(async () => {
    // The database's modules are most of what there is to load, and other commands need none of them.
    const { withDatabase } = await import('./data/with-rows.ts');
    const { text, json } = await withDatabase(readConfig(givenSettings(command)), (db) => work(db, command.args));
    if (command.opts().json === true) console.log(JSON.stringify(json, undefined, 2));
    // A list of nothing is no line, for whoever counts them.
    else if (text !== '') console.log(text);
  });
}

/** One line a row, its cells under each other's. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => row.join('\t')).join('\n');
}

/** The option of that name as text. */
export function textOption(command: Command, name: string): string | undefined {
  const value: unknown = command.opts()[name];
  return typeof value === 'string' ? value : undefined;
}

/** The option of that name as a list; empty where it was not given. */
export function listOption(command: Command, name: string): string[] {
  const value: unknown = command.opts()[name];
  return Array.isArray(value) ? value.map(String) : [];
}
