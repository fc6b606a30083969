import { isLoopback } from './parse.ts';

/** What examples and forms have in the place of a secret, in any case and with anything between the words. */
const PLACEHOLDER =
  /changeme|changethis|changeit|replaceme|replacethis|replacewith|placeholder|fillmein|insert(your|token|secret)|your(own)?(secret|token|password|key)/;
/** The keys of AWS's own documentation end like this. */
const AWS_EXAMPLE = /EXAMPLE(KEY)?$/;
const SHORTEST_TOKEN = 16;
/** A token of fewer is a word said again and again, or a row of keys. */
const FEWEST_CHARACTERS = 8;

/** The settings that decide how secret they have to be. */
interface Secrets {
  token: string | undefined;
  database: string | undefined;
  isOnS3: boolean;
  /** Where the server listens, and what else says that other machines can reach it. */
  host: string | undefined;
  publicUrl: string | undefined;
  trustedProxies: readonly string[];
}

/** Variables that libraries read by themselves. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What is wrong with the secrets, each with its remedy and without the secret: a placeholder that was left as it is, or a
 * token that could be guessed on a server that others can reach.
 */
export function secretProblems(secrets: Secrets, environment: Environment): string[] {
  const { token, database, isOnS3 } = secrets;
  const problems: string[] = [];
  const check = (name: string, value: string | undefined, remedy: string) => {
    if (value !== undefined && isPlaceholder(value)) {
      problems.push(`${name}: this is the placeholder of an example, which everybody knows; ${remedy}`);
    }
  };
  check('PARTWAY_TOKEN', token, 'make a token with: openssl rand -hex 32');
  if (database !== undefined) {
    const { password } = new URL(database);
    check('PARTWAY_DATABASE', password, 'give the password of the database user');
    if (password === '') check('PGPASSWORD', environment.PGPASSWORD, 'give the password of the database user');
  }
  if (isOnS3) {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) {
      const value = environment[name];
      const shown = value !== undefined && AWS_EXAMPLE.test(value) ? 'change-me' : value;
      check(name, shown, 'give the credentials of the S3 store');
    }
  }
  if (token !== undefined && problems.length === 0 && isReachable(secrets)) problems.push(...weaknesses(token));
  return problems;
}

/** Whether a secret was left as an example has it. */
function isPlaceholder(secret: string): boolean {
  return PLACEHOLDER.test(
    decoded(secret)
      .toLowerCase()
      .replaceAll(/[^a-z]/g, ''),
  );
}

function weaknesses(token: string): string[] {
  const remedy = 'make one with: openssl rand -hex 32';
  if (token.length < SHORTEST_TOKEN) {
    return [
      `PARTWAY_TOKEN: other machines can reach this server; give a token of ${SHORTEST_TOKEN} characters or more, or ${remedy}`,
    ];
  }
  if (new Set(token).size >= FEWEST_CHARACTERS) return [];
  return [
    `PARTWAY_TOKEN: other machines can reach this server, and this token has fewer than ${FEWEST_CHARACTERS} different characters; ${remedy}`,
  ];
}

/** A proxy on this machine makes the loopback address as public as any other. */
function isReachable({ host, publicUrl, trustedProxies }: Secrets): boolean {
  if (!isLoopback(host) || trustedProxies.length > 0) return true;
  return publicUrl !== undefined && !isLoopback(new URL(publicUrl).hostname.replace(/^\[|\]$/g, ''));
}

/** The password of a URL may be percent-encoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
