import {
  describeDefault,
  flagName,
  type GivenSettings,
  SETTINGS,
  type SettingName,
} from '@partway/server/config/settings';
import { type Command, Option } from 'commander';

/** The settings of the blob store, in addition to those of the database. */
export const STORAGE_SETTINGS = [
  'PARTWAY_STORAGE',
  'PARTWAY_S3_ENDPOINT',
  'PARTWAY_S3_PATH_STYLE',
] as const satisfies SettingName[];

/** Adds a flag for each of these settings. Each can also be set by its environment variable. */
export function addSettings(command: Command, names: readonly SettingName[] = SETTINGS.map(({ env }) => env)): Command {
  for (const setting of SETTINGS) {
    const { env, value, help } = setting;
    if (!names.includes(env)) continue;
    command.addOption(
      new Option(`${flagName(env)} <${value}>`, `${help}; default: ${describeDefault(setting)}`).env(env),
    );
  }
  return command;
}

/** Settings from flags and environment, by environment variable. A flag overrides its variable. */
export function readSettings(command: Command): GivenSettings {
  const settings: GivenSettings = {};
  for (const option of command.options) {
    const value: unknown = command.opts()[option.attributeName()];
    if (option.envVar !== undefined && typeof value === 'string') settings[option.envVar as SettingName] = value;
  }
  return settings;
}
