import type { Command } from 'commander';
import { printJson } from '../../output/json.ts';
import { escapeControl } from '../../output/text.ts';
import { getProfile } from '../../profiles/profile.ts';
import { readProfiles, writeProfiles } from '../../profiles/profiles-file.ts';
import { alignColumns } from '../data-command.ts';

/** `partway profiles` */
export function addProfilesCommand(program: Command): void {
  const command = program.command('profiles').description('list the servers that are known, never their secrets');
  command.option('--json', 'print one JSON object a line').action(async () => {
    const { current, profiles } = await readProfiles();
    const known = Object.entries(profiles).map(([name, { server, credentials }]) => ({
      name,
      in_use: name === current,
      server,
      credentials: credentials.kind,
    }));
    if (command.opts().json === true) return known.forEach(printJson);
    if (known.length === 0) return console.log('There is no profile yet: partway login makes one.');
    console.log(
      alignColumns(
        known.map(({ name, in_use: inUse, server, credentials }) => [
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
  const command = program.command('use').argument('<profile>', 'its name in partway profiles');
  command.description('let a profile count where none is named').action(async (name: string) => {
    const known = await readProfiles();
    const { server } = getProfile(known, name);
    await writeProfiles({ ...known, current: name });
    console.log(`${server} is in use from now on.`);
  });
}
