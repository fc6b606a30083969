import type { Command } from 'commander';
import { explain } from '../../errors/explain.ts';
import { EXIT, Failure } from '../../exit-codes.ts';
import { printJson } from '../../output/json.ts';
import { escapeControl } from '../../output/text.ts';
import { connect } from '../../profiles/connect.ts';
import { getProfile, type Profile } from '../../profiles/profile.ts';
import { profilesPath, readProfiles, updateProfiles } from '../../profiles/profiles-file.ts';
import { addExamples } from '../examples.ts';
import { type PartialLogin, parseLogin } from './login-options.ts';

/** `partway login` */
export function addLoginCommand(program: Command): void {
  const command = program
    .command('login')
    .description('save a server and credentials as a profile, and make it the default');
  command
    .option('--server <url>', 'server address; https://api.box.com for Box')
    .option('--name <name>', 'profile name (default: the host)')
    .option('--web', 'log in with a browser on this machine, as a user with a password')
    .option('--token-stdin', 'read the access token from stdin')
    .option('--client-id <id>', 'log in as an app')
    .option('--client-secret-stdin', 'read the client secret from stdin')
    .option('--user <id>', 'let the app act as this user')
    .option('--enterprise <id>', 'let the app act as itself in this enterprise (1 on a Partway server)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nWithout --web, --token-stdin or --client-secret-stdin, the command asks for everything that is missing.',
    );
  addExamples(command, [
    [
      'partway token create --user ann@example.com --value | partway login --server http://127.0.0.1:4400 --name ann --token-stdin',
      'Log in to your own server as one of its users, for an hour',
    ],
    [
      'partway token create --user bob@example.com --expires 30d --value | partway login --server http://127.0.0.1:4400 --name bob --token-stdin',
      'Log in as another user, for a month',
    ],
  ]);
  command.action(async () => {
    const login = parseLogin(command);
    const { server, credentials } = (await login.readComplete()) ?? (await ask(login.partial));
    const user = await getUser({ server, credentials }).catch(async (error: unknown) => {
      // Nobody will have its tokens.
      await endLogin({ server, credentials });
      throw error;
    });
    const name = command.opts<{ name?: string }>().name ?? new URL(server).host;
    if (name === '') throw new Failure(EXIT.usage, 'A profile needs a name.');
    const replaced = await saveProfile(name, { server, credentials });
    if (replaced !== undefined) await endLogin(replaced);
    if (command.opts().json === true) printJson({ profile: name, server, user });
    else {
      console.log(`Logged in to ${server} as ${escapeControl(`${user.name} <${user.login}>`)}.
Saved as profile "${escapeControl(name)}" in ${profilesPath()} (now the default).`);
    }
  });
}

async function ask(partial: PartialLogin): Promise<Profile> {
  // Loaded lazily: the prompt library is large, and only interactive logins need it.
  const { askLogin } = await import('./ask-login.ts');
  return askLogin(partial);
}

/** `partway logout` */
export function addLogoutCommand(program: Command): void {
  const command = program.command('logout').argument('[profile]', 'profile name (default: the default profile)');
  addExamples(command, [
    ['partway logout bob', 'Delete a profile'],
    ['partway logout', 'Delete the default profile'],
  ]);
  command.description('delete a profile, and end its login if that was in a browser; other tokens remain valid');
  command.action(async (profileName?: string) => {
    const saved = await readProfiles();
    const name = profileName ?? saved.current;
    if (name === undefined) throw new Failure(EXIT.usage, 'There is no default profile. Name the profile to delete.');
    const deleted = await deleteProfile(name);
    console.log(`Deleted profile "${escapeControl(name)}" (${deleted.server}).`);
    await endLogin(deleted);
  });
}

/** Saves a profile as the default. Returns the one that it replaces. */
function saveProfile(name: string, profile: Profile): Promise<Profile | undefined> {
  return updateProfiles(async ({ profiles }, write) => {
    const replaced = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
    await write({ current: name, profiles: { ...profiles, [name]: profile } });
    return replaced;
  });
}

function deleteProfile(name: string): Promise<Profile> {
  return updateProfiles(async (saved, write) => {
    const deleted = getProfile(saved, name);
    const { [name]: _, ...profiles } = saved.profiles;
    const current = saved.current === name ? undefined : saved.current;
    await write({ ...(current !== undefined && { current }), profiles });
    return deleted;
  });
}

/** Ends a browser login, whose refresh token nobody has any more. An unreachable server is not an error. */
async function endLogin({ server, credentials }: Profile): Promise<void> {
  if (credentials.kind !== 'browser') return;
  const { endBrowserLogin } = await import('../../profiles/browser-token.ts');
  await endBrowserLogin(server, credentials).catch((error: unknown) => {
    console.error(`The login could not be ended on the server; it expires after 60 days. ${explain(error).message}`);
  });
}

/** Asks the server for the user of these credentials. */
async function getUser(profile: Profile): Promise<{ id: string; name: string; login: string }> {
  using client = connect(profile);
  const { id, name, login } = await client.users.getUserMe();
  return { id, name, login };
}
