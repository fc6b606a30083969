import type { Command } from 'commander';
import { EXIT, Failure } from '../exit-codes.ts';
import { isTerminal } from './terminal.ts';
import { escapeControl } from './text.ts';

/** Adds `--value`, which prints one field of each result and nothing else: `TOKEN=$(partway token create --value)`. */
export function addValueOption(command: Command, defaultField: string): Command {
  return command.option('--value [field]', `print only this field of the JSON output (default: ${defaultField})`);
}

/** Returns the field to print; undefined without `--value`. */
export function valueField(command: Command, defaultField: string): string | undefined {
  const { value } = command.opts<{ value?: string | true }>();
  return value === true ? defaultField : value;
}

/** Renders a field of a result, or of each result of a list, one per line. @throws Failure if there is no such field. */
export function renderValue(result: unknown, field: string): string {
  if (Array.isArray(result)) return result.map((one) => renderValue(one, field)).join('\n');
  const fields = result as Record<string, unknown>;
  if (!Object.hasOwn(fields, field)) {
    const names = Object.keys(fields).join(', ');
    throw new Failure(EXIT.usage, `There is no field ${field}. The fields of this result are: ${names}.`);
  }
  const value = fields[field];
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
  return isTerminal(process.stdout) ? escapeControl(text) : text;
}
