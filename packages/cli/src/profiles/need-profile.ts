import { EXIT, Failure } from '../exit-codes.ts';
import { shownText } from '../output/text.ts';
import type { Profile, Profiles } from './profile.ts';

/** The profile of that name. */
export function needProfile({ profiles }: Profiles, name: string): Profile {
  if (Object.hasOwn(profiles, name)) return profiles[name] as Profile;
  const names = Object.keys(profiles).map(shownText);
  const known = names.length === 0 ? 'There is none yet' : `There are: ${names.join(', ')}`;
  throw new Failure(EXIT.usage, `There is no profile ${shownText(name)}. ${known}. partway login makes one.`);
}
