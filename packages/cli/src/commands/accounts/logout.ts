import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { shownText } from '../../output/text.ts';
import { needProfile } from '../../profiles/need-profile.ts';
import { readProfiles, writeProfiles } from '../../profiles/profiles-file.ts';

/** `partway logout` */
export function addLogoutCommand(program: Command): void {
  const command = program.command('logout').argument('[profile]', 'which one; the one in use unless set');
  command.description('forget a profile; its token goes on working elsewhere').action(async (named?: string) => {
    const known = await readProfiles();
    const name = named ?? known.current;
    if (name === undefined) throw new Failure(EXIT.usage, 'No profile is in use: name the one to forget.');
    needProfile(known, name);
    const { [name]: forgotten, ...profiles } = known.profiles;
    const current = known.current === name ? undefined : known.current;
    await writeProfiles({ ...(current !== undefined && { current }), profiles });
    console.log(`The profile ${shownText(name)} (${forgotten?.server}) is forgotten.`);
  });
}
