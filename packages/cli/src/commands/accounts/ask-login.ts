import { isCancel, password, select, text } from '@clack/prompts';
import { EXIT, Failure } from '../../exit-codes.ts';
import { parseServerAddress } from '../../profiles/address.ts';
import type { Credentials, Profile, Subject } from '../../profiles/profile.ts';
import { isBox, logInWithBrowser } from '../../web-login/log-in.ts';
import type { PartialLogin } from './login-options.ts';

/** Asks the user for the missing parts of a login. @throws Failure if stdin is not a terminal, or after Ctrl-C. */
export async function askLogin(partial: PartialLogin): Promise<Profile> {
  if (!process.stdin.isTTY) {
    throw new Failure(
      EXIT.usage,
      'Standard input is not a terminal. Use --server with --web, --token-stdin or --client-secret-stdin.',
    );
  }
  const server = partial.server ?? parseServerAddress(await getAnswer(askServer()));
  const kind = partial.web ? 'browser' : partial.clientId === undefined ? await getAnswer(askKind(server)) : 'app';
  if (kind === 'browser') return { server, credentials: await logInWithBrowser(server) };
  return { server, credentials: kind === 'token' ? await askToken() : await askApp(partial) };
}

function askServer() {
  return text({
    message: 'Server address',
    placeholder: 'https://files.example.com',
    validate: (value) =>
      (value ?? '').trim() === '' ? 'Enter an address such as https://files.example.com.' : undefined,
  });
}

function askKind(server: string) {
  return select<Credentials['kind']>({
    message: 'How do you want to log in?',
    options: [
      ...(isBox(server)
        ? []
        : [{ value: 'browser' as const, label: 'in the browser', hint: 'with login and password' }]),
      { value: 'token', label: 'with an access token', hint: 'from partway token create, or the developer token' },
      { value: 'app', label: 'as an app, with its client ID and secret', hint: 'from partway app add' },
    ],
  });
}

async function askToken(): Promise<Credentials> {
  return {
    kind: 'token',
    token: (await getAnswer(password({ message: 'Access token', validate: requireText }))).trim(),
  };
}

async function askApp({ clientId, subject }: PartialLogin): Promise<Credentials> {
  const id = clientId ?? (await getAnswer(text({ message: 'Client ID', validate: requireText }))).trim();
  const secret = await getAnswer(password({ message: 'Client secret', validate: requireText }));
  return { kind: 'app', clientId: id, clientSecret: secret.trim(), subject: subject ?? (await askSubject()) };
}

async function askSubject(): Promise<Subject> {
  const type = await getAnswer(
    select<Subject['type']>({
      message: 'Who does the app act as?',
      options: [
        { value: 'enterprise', label: 'itself', hint: 'its service user' },
        { value: 'user', label: 'another user' },
      ],
    }),
  );
  const message = type === 'user' ? 'User ID' : 'Enterprise ID (1 on a Partway server)';
  return { type, id: (await getAnswer(text({ message, validate: requireText }))).trim() };
}

function requireText(value: string | undefined): string | undefined {
  return (value ?? '').trim() === '' ? 'This is required.' : undefined;
}

/** Resolves with the user's answer. @throws Failure after Ctrl-C. */
async function getAnswer<T>(prompt: Promise<T>): Promise<Exclude<T, symbol>> {
  const value = await prompt;
  if (isCancel(value)) throw new Failure(EXIT.interrupted, 'Nothing was saved.');
  return value as Exclude<T, symbol>;
}
