import type { Command } from 'commander';
import { printJson } from '../../output/json.ts';
import { type Column, renderTable } from '../../output/table.ts';
import { escapeControl } from '../../output/text.ts';
import { addValueOption, renderValue, valueField } from '../../output/value.ts';
import { getProfile, type Profiles } from '../../profiles/profile.ts';
import { readProfiles, updateProfiles } from '../../profiles/profiles-file.ts';
import { addExamples } from '../examples.ts';

/** `partway profiles` */
export function addProfilesCommand(program: Command): void {
  const command = program.command('profiles').description('list profiles without their secrets');
  addExamples(command, [
    ['partway profiles', 'List profiles; * marks the default'],
    ['partway profiles --value', 'Print their names'],
  ]);
  addValueOption(command.option('--json', 'print one JSON object per line'), MAIN_FIELD).action(async () => {
    const profiles = toListed(await readProfiles());
    const field = valueField(command, MAIN_FIELD);
    if (command.opts().json === true) return profiles.forEach(printJson);
    const output = field === undefined ? renderTable(profiles, COLUMNS) : renderValue(profiles, field);
    if (output !== '') console.log(output);
    // Not on stdout, where scripts count lines.
    else console.error('There are no profiles. Create one with partway login.');
  });
}

const MAIN_FIELD = 'name';

type ListedProfile = ReturnType<typeof toListed>[number];

function toListed({ current, profiles }: Profiles) {
  return Object.entries(profiles).map(([name, { server, credentials }]) => ({
    name,
    in_use: name === current,
    server,
    credentials: credentials.kind,
  }));
}

const COLUMNS: readonly Column<ListedProfile>[] = [
  { header: 'NAME', cell: ({ name }) => name },
  { header: 'SERVER', cell: ({ server }) => server },
  { header: 'CREDENTIALS', cell: ({ credentials }) => credentials },
  { header: 'DEFAULT', cell: ({ in_use: inUse }) => (inUse ? '*' : '') },
];

/** `partway use` */
export function addUseCommand(program: Command): void {
  const command = program.command('use').argument('<profile>', 'profile name');
  addExamples(command, [
    ['partway use bob', 'Use the server and user of a profile by default'],
    ['partway use ann && partway ls', 'Change the default, and list the root folder there'],
  ]);
  command.description('set the default profile').action(async (name: string) => {
    const { server } = await updateProfiles(async (saved, write) => {
      const profile = getProfile(saved, name);
      await write({ ...saved, current: name });
      return profile;
    });
    console.log(`The default profile is now "${escapeControl(name)}" (${server}).`);
  });
}
