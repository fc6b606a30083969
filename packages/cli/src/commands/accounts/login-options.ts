import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { readPassword } from '../../output/terminal.ts';
import { parseServerAddress } from '../../profiles/address.ts';
import type { Profile, Subject } from '../../profiles/profile.ts';

/** The parts of a login that are on the command line. */
export interface PartialLogin {
  server?: string;
  /** Whether to log in with a browser. */
  web?: boolean;
  clientId?: string;
  subject?: Subject;
}

interface LoginOptions {
  server?: string;
  web?: boolean;
  tokenStdin?: boolean;
  clientId?: string;
  clientSecretStdin?: boolean;
  user?: string;
  enterprise?: string;
}

/**
 * Parses the options of `partway login`. `readComplete` resolves with the complete login if the secret comes on stdin or from
 * a browser, and otherwise with undefined.
 */
export function parseLogin(command: Command): { partial: PartialLogin; readComplete(): Promise<Profile | undefined> } {
  const options = command.opts<LoginOptions>();
  const partial = parsePartialLogin(options);
  return {
    partial,
    async readComplete() {
      const { server, clientId, subject } = partial;
      if (options.web && server !== undefined) return logIn(server);
      if (!options.tokenStdin && !options.clientSecretStdin) return undefined;
      if (server === undefined)
        throw new Failure(EXIT.usage, '--token-stdin and --client-secret-stdin require --server.');
      const secret = (await readPassword()).trim();
      if (secret === '') throw new Failure(EXIT.usage, 'Standard input is empty.');
      if (options.tokenStdin) return { server, credentials: { kind: 'token', token: secret } };
      if (clientId === undefined || subject === undefined) {
        throw new Failure(EXIT.usage, 'An app needs --client-id, and either --user or --enterprise.');
      }
      return { server, credentials: { kind: 'app', clientId, clientSecret: secret, subject } };
    },
  };
}

async function logIn(server: string): Promise<Profile> {
  // Loaded lazily: other commands need neither a server nor a browser.
  const { logInWithBrowser } = await import('../../web-login/log-in.ts');
  return { server, credentials: await logInWithBrowser(server) };
}

function parsePartialLogin({
  server,
  web,
  tokenStdin,
  clientId,
  clientSecretStdin,
  user,
  enterprise,
}: LoginOptions): PartialLogin {
  const isApp = clientSecretStdin === true || clientId !== undefined;
  if ([web, tokenStdin, isApp].filter((each) => each === true).length > 1) {
    throw new Failure(EXIT.usage, 'Use either a browser (--web), a token or an app, not several of them.');
  }
  if (user !== undefined && enterprise !== undefined) {
    throw new Failure(EXIT.usage, 'Use either --user or --enterprise, not both.');
  }
  const subject: Subject | undefined =
    user !== undefined
      ? { type: 'user', id: user }
      : enterprise !== undefined
        ? { type: 'enterprise', id: enterprise }
        : undefined;
  return {
    ...(server !== undefined && { server: parseServerAddress(server) }),
    ...(web === true && { web }),
    ...(clientId !== undefined && { clientId }),
    ...(subject !== undefined && { subject }),
  };
}
