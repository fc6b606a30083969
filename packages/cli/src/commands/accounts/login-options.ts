import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { readPassword } from '../../output/terminal.ts';
import { parseServerAddress } from '../../profiles/address.ts';
import type { Profile, Subject } from '../../profiles/profile.ts';

/** The parts of a login that are on the command line. */
export interface PartialLogin {
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

/**
 * Parses the options of `partway login`. `readComplete` resolves with the complete login if the secret comes on stdin, and
 * otherwise with undefined.
 */
export function parseLogin(command: Command): { partial: PartialLogin; readComplete(): Promise<Profile | undefined> } {
  const options = command.opts<LoginOptions>();
  const partial = parsePartialLogin(options);
  return {
    partial,
    async readComplete() {
      if (!options.tokenStdin && !options.clientSecretStdin) return undefined;
      const { server, clientId, subject } = partial;
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

function parsePartialLogin({
  server,
  tokenStdin,
  clientId,
  clientSecretStdin,
  user,
  enterprise,
}: LoginOptions): PartialLogin {
  if (tokenStdin && (clientSecretStdin || clientId !== undefined)) {
    throw new Failure(EXIT.usage, 'Use either a token or an app, not both.');
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
    ...(clientId !== undefined && { clientId }),
    ...(subject !== undefined && { subject }),
  };
}
