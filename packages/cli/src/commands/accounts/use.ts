import type { Command } from 'commander';
import { needProfile } from '../../profiles/need-profile.ts';
import { readProfiles, writeProfiles } from '../../profiles/profiles-file.ts';

/** `partway use` */
export function addUseCommand(program: Command): void {
  const command = program.command('use').argument('<profile>', 'its name in partway profiles');
  command.description('let a profile count where none is named').action(async (name: string) => {
    const known = await readProfiles();
    const { server } = needProfile(known, name);
    await writeProfiles({ ...known, current: name });
    console.log(`${server} is in use from now on.`);
  });
}
