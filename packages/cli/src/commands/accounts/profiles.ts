import type { Command } from 'commander';
import { printJson } from '../../output/json.ts';
import { escapeControl } from '../../output/text.ts';
import { getProfile } from '../../profiles/profile.ts';
import { readProfiles, writeProfiles } from '../../profiles/profiles-file.ts';
import { alignColumns } from '../data-command.ts';

/** `partway profiles` */
export function addProfilesCommand(program: Command): void {
  const command = program.command('profiles').description('list profiles without their secrets');
  command.option('--json', 'print one JSON object per line').action(async () => {
    const { current, profiles } = await readProfiles();
    const saved = Object.entries(profiles).map(([name, { server, credentials }]) => ({
      name,
      in_use: name === current,
      server,
      credentials: credentials.kind,
    }));
    if (command.opts().json === true) return saved.forEach(printJson);
    if (saved.length === 0) return console.log('There are no profiles. Create one with partway login.');
    console.log(
      alignColumns(
        saved.map(({ name, in_use: inUse, server, credentials }) => [
          inUse ? '*' : ' ',
          escapeControl(name),
          server,
          credentials,
        ]),
      ),
    );
  });
}

/** `partway use` */
export function addUseCommand(program: Command): void {
  const command = program.command('use').argument('<profile>', 'profile name');
  command.description('set the default profile').action(async (name: string) => {
    const saved = await readProfiles();
    const { server } = getProfile(saved, name);
    await writeProfiles({ ...saved, current: name });
    console.log(`The default profile is now "${escapeControl(name)}" (${server}).`);
  });
}
