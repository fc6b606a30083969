import { flagOf, type GivenSettings, SETTINGS, type SettingName } from '@partway/server/config/settings';
import { type Command, Option } from 'commander';

/** Adds a flag for each of these settings; the environment variable of the same name stands in for it. */
export function addSettings(command: Command, names: readonly SettingName[] = SETTINGS.map(({ env }) => env)): Command {
  for (const { env, value, help, ...rest } of SETTINGS) {
    if (!names.includes(env)) continue;
    const preset = 'preset' in rest ? `, ${rest.preset} unless set` : '';
    command.addOption(new Option(`${flagOf(env)} <${value}>`, `${help}${preset}`).env(env));
  }
  return command;
}

/** What flags and environment say, flags first, under the names of the environment variables. */
export function givenSettings(command: Command): GivenSettings {
  const given: GivenSettings = {};
  for (const option of command.options) {
    const value: unknown = command.opts()[option.attributeName()];
    if (option.envVar !== undefined && typeof value === 'string') given[option.envVar as SettingName] = value;
  }
  return given;
}
