import { isLoopback } from './parse.ts';

/** Placeholders for secrets in examples and forms. Matched against the lowercase letters of a secret. */
const PLACEHOLDER =
  /changeme|changethis|changeit|replaceme|replacethis|replacewith|placeholder|fillmein|insert(your|token|secret)|your(own)?(secret|token|password|key)/;
/** The example keys in AWS's documentation end like this. */
const AWS_EXAMPLE = /EXAMPLE(KEY)?$/;
const MIN_TOKEN_LENGTH = 16;
/** A token with fewer different characters is a repeated word or a row of keys. */
const MIN_DISTINCT_CHARACTERS = 8;

/** The settings with secrets, and those that determine whether other machines can reach the server. */
interface Secrets {
  token: string | undefined;
  database: string | undefined;
  isOnS3: boolean;
  /** The host of PARTWAY_LISTEN. */
  host: string | undefined;
  publicUrl: string | undefined;
  trustedProxies: readonly string[];
}

/** Environment variables that the PostgreSQL and S3 libraries read themselves. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Finds secrets that are still the placeholder of an example, and a token that could be guessed on a server that other
 * machines can reach. Each problem says how to fix it, and does not include the secret.
 */
export function secretProblems(secrets: Secrets, environment: Environment): string[] {
  const { token, database, isOnS3 } = secrets;
  const problems: string[] = [];
  const checkPlaceholder = (name: string, value: string | undefined, remedy: string) => {
    if (value !== undefined && (isPlaceholder(value) || (name.startsWith('AWS_') && AWS_EXAMPLE.test(value)))) {
      problems.push(`${name}: this is the placeholder of an example, which is public; ${remedy}`);
    }
  };
  checkPlaceholder('PARTWAY_TOKEN', token, GENERATE_TOKEN);
  if (database !== undefined) {
    const { password } = new URL(database);
    const remedy = 'use the password of the database user';
    checkPlaceholder('PARTWAY_DATABASE', password, remedy);
    if (password === '') checkPlaceholder('PGPASSWORD', environment.PGPASSWORD, remedy);
  }
  if (isOnS3) {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) {
      checkPlaceholder(name, environment[name], 'use the credentials of the S3 store');
    }
  }
  if (token !== undefined && problems.length === 0 && isReachable(secrets)) problems.push(...findWeaknesses(token));
  return problems;
}

const GENERATE_TOKEN = 'generate a token with: openssl rand -hex 32';

function isPlaceholder(secret: string): boolean {
  return PLACEHOLDER.test(
    decodePercent(secret)
      .toLowerCase()
      .replaceAll(/[^a-z]/g, ''),
  );
}

function findWeaknesses(token: string): string[] {
  const reason = 'PARTWAY_TOKEN: other machines can reach this server, so the token must have';
  if (token.length < MIN_TOKEN_LENGTH) {
    return [`${reason} ${MIN_TOKEN_LENGTH} characters or more; ${GENERATE_TOKEN}`];
  }
  if (new Set(token).size >= MIN_DISTINCT_CHARACTERS) return [];
  return [`${reason} at least ${MIN_DISTINCT_CHARACTERS} different characters; ${GENERATE_TOKEN}`];
}

/** Behind a proxy, other machines can reach even a loopback address. */
function isReachable({ host, publicUrl, trustedProxies }: Secrets): boolean {
  if (!isLoopback(host) || trustedProxies.length > 0) return true;
  return publicUrl !== undefined && !isLoopback(new URL(publicUrl).hostname.replace(/^\[|\]$/g, ''));
}

/** Passwords in URLs can be percent-encoded. */
function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
