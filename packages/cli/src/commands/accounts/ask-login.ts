import { isCancel, password, select, text } from '@clack/prompts';
import { EXIT, Failure } from '../../exit-codes.ts';
import { serverAddress } from '../../profiles/address.ts';
import type { Credentials, Profile, Subject } from '../../profiles/profile.ts';
import type { BegunLogin } from './given-login.ts';

/** Asks a person for what is missing of a login. */
export async function askLogin(begun: BegunLogin): Promise<Profile> {
  if (!process.stdin.isTTY) {
    throw new Failure(EXIT.usage, 'There is nobody to ask: give --token-stdin or --client-secret-stdin, and --server.');
  }
  const server = begun.server ?? serverAddress(await answer(askServer()));
  const kind = begun.clientId === undefined ? await answer(askKind()) : 'app';
  return { server, credentials: kind === 'token' ? await askToken() : await askApp(begun) };
}

function askServer() {
  return text({
    message: 'The address of the server',
    placeholder: 'https://files.example.com',
    validate: (value) => ((value ?? '').trim() === '' ? 'Such as https://files.example.com.' : undefined),
  });
}

function askKind() {
  return select<Credentials['kind']>({
    message: 'How do you get in?',
    options: [
      { value: 'token', label: 'with an access token', hint: 'partway token make, or the developer token' },
      { value: 'app', label: 'as an app, with its id and secret', hint: 'partway app add' },
    ],
  });
}

async function askToken(): Promise<Credentials> {
  return { kind: 'token', token: (await answer(password({ message: 'The token', validate: needed }))).trim() };
}

async function askApp({ clientId, subject }: BegunLogin): Promise<Credentials> {
  const id = clientId ?? (await answer(text({ message: 'The client id', validate: needed }))).trim();
  const secret = await answer(password({ message: 'The client secret', validate: needed }));
  return { kind: 'app', clientId: id, clientSecret: secret.trim(), subject: subject ?? (await askSubject()) };
}

async function askSubject(): Promise<Subject> {
  const type = await answer(
    select<Subject['type']>({
      message: 'Whom does it act for?',
      options: [
        { value: 'enterprise', label: 'itself', hint: 'its own user' },
        { value: 'user', label: 'another user' },
      ],
    }),
  );
  const message = type === 'user' ? 'The id of the user' : 'The id of the enterprise (1 on a Partway server)';
  return { type, id: (await answer(text({ message, validate: needed }))).trim() };
}

function needed(value: string | undefined): string | undefined {
  return (value ?? '').trim() === '' ? 'It is needed.' : undefined;
}

/** What was answered; Ctrl-C ends the command. */
async function answer<T>(asked: Promise<T>): Promise<Exclude<T, symbol>> {
  const value = await asked;
  if (isCancel(value)) throw new Failure(EXIT.interrupted, 'Nothing was kept.');
  return value as Exclude<T, symbol>;
}
