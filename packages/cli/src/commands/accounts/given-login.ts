import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { readPassword } from '../../output/terminal.ts';
import { serverAddress } from '../../profiles/address.ts';
import type { Profile, Subject } from '../../profiles/profile.ts';

/** What of a login the command line says. */
export interface BegunLogin {
  server?: string;
  clientId?: string;
  subject?: Subject;
}

interface LoginOptions {
  server?: string;
  tokenStdin?: boolean;
  clientId?: string;
  clientSecretStdin?: boolean;
  user?: string;
  enterprise?: string;
}

/** What the command line says, and the whole login where that, with stdin, is all that it takes. */
export function givenLogin(command: Command): { begun: BegunLogin; whole(): Promise<Profile | undefined> } {
  const options = command.opts<LoginOptions>();
  const begun = begunLogin(options);
  return {
    begun,
    async whole() {
      if (!options.tokenStdin && !options.clientSecretStdin) return undefined;
      const { server, clientId, subject } = begun;
      if (server === undefined) throw new Failure(EXIT.usage, 'With a secret on stdin, --server says whose it is.');
      const secret = (await readPassword()).trim();
      if (secret === '') throw new Failure(EXIT.usage, 'Nothing came on stdin.');
      if (options.tokenStdin) return { server, credentials: { kind: 'token', token: secret } };
      if (clientId === undefined || subject === undefined) {
        throw new Failure(EXIT.usage, 'An app gets in with --client-id, and --user or --enterprise.');
      }
      return { server, credentials: { kind: 'app', clientId, clientSecret: secret, subject } };
    },
  };
}

function begunLogin({ server, tokenStdin, clientId, clientSecretStdin, user, enterprise }: LoginOptions): BegunLogin {
  if (tokenStdin && (clientSecretStdin || clientId !== undefined)) {
    throw new Failure(EXIT.usage, 'Give a token or an app, not both.');
  }
  if (user !== undefined && enterprise !== undefined) {
    throw new Failure(EXIT.usage, 'The app acts for a user or for its enterprise, not for both.');
  }
  const subject: Subject | undefined =
    user !== undefined
      ? { type: 'user', id: user }
      : enterprise !== undefined
        ? { type: 'enterprise', id: enterprise }
        : undefined;
  return {
    ...(server !== undefined && { server: serverAddress(server) }),
    ...(clientId !== undefined && { clientId }),
    ...(subject !== undefined && { subject }),
  };
}
