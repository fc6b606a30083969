import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { printJson } from '../../output/json.ts';
import { escapeControl } from '../../output/text.ts';
import { connect } from '../../profiles/connect.ts';
import { getProfile, type Profile } from '../../profiles/profile.ts';
import { profilesPath, readProfiles, writeProfiles } from '../../profiles/profiles-file.ts';
import { type BegunLogin, givenLogin } from './given-login.ts';

/** `partway login` */
export function addLoginCommand(program: Command): void {
  const command = program.command('login').description('keep the address of a server and how to get in, as a profile');
  command
    .option('--server <url>', 'its address; https://api.box.com is Box')
    .option('--name <name>', 'what the profile is called; the host unless set')
    .option('--token-stdin', 'take the access token from stdin, instead of asking')
    .option('--client-id <id>', 'get in as an app')
    .option('--client-secret-stdin', 'take the app’s secret from stdin')
    .option('--user <id>', 'let the app act for this user')
    .option('--enterprise <id>', 'let the app act for itself, in this enterprise; 1 on a Partway server')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nWithout a token or secret on stdin it asks for what is missing, on a terminal.');
  command.action(async () => {
    const given = givenLogin(command);
    const { server, credentials } = (await given.whole()) ?? (await ask(given.begun));
    const user = await whoIs({ server, credentials });
    const name = command.opts<{ name?: string }>().name ?? new URL(server).host;
    if (name === '') throw new Failure(EXIT.usage, 'A profile needs a name.');
    const known = await readProfiles();
    await writeProfiles({ current: name, profiles: { ...known.profiles, [name]: { server, credentials } } });
    if (command.opts().json === true) printJson({ profile: name, server, user });
    else {
      console.log(`You are ${escapeControl(`${user.name} <${user.login}>`)} at ${server}.
Kept as profile ${escapeControl(name)} in ${profilesPath()}, and in use from now on.`);
    }
  });
}

async function ask(begun: BegunLogin): Promise<Profile> {
  // The library that asks is loaded where somebody is asked.
  const { askLogin } = await import('./ask-login.ts');
  return askLogin(begun);
}

/** `partway logout` */
export function addLogoutCommand(program: Command): void {
  const command = program.command('logout').argument('[profile]', 'which one; the one in use unless set');
  command.description('forget a profile; its token goes on working elsewhere').action(async (named?: string) => {
    const known = await readProfiles();
    const name = named ?? known.current;
    if (name === undefined) throw new Failure(EXIT.usage, 'No profile is in use: name the one to forget.');
    getProfile(known, name);
    const { [name]: forgotten, ...profiles } = known.profiles;
    const current = known.current === name ? undefined : known.current;
    await writeProfiles({ ...(current !== undefined && { current }), profiles });
    console.log(`The profile ${escapeControl(name)} (${forgotten?.server}) is forgotten.`);
  });
}

/** Whose credentials these are, asked of the server. */
async function whoIs({ server, credentials }: Profile): Promise<{ id: string; name: string; login: string }> {
  using client = connect({ server, credentials });
  const { id, name, login } = await client.users.getUserMe();
  return { id, name, login };
}
