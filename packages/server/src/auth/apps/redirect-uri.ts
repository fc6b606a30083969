/** Schemes that a browser runs or loads itself instead of passing the URL to an app. */
const FORBIDDEN_SCHEMES = ['javascript:', 'data:', 'vbscript:', 'file:', 'blob:', 'about:', 'ws:', 'wss:', 'ftp:'];
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** Throws a message for the operator if browsers must not be sent to this URI after a login. */
export function checkRedirectUri(uri: string): void {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  const fault = url === undefined ? 'it is not an absolute URI' : findRedirectFault(uri, url);
  if (fault !== undefined) throw new Error(`The redirect URI ${uri} cannot be used: ${fault}.`);
}

/**
 * Whether `uri` is one of the registered ones. They must be equal, except for the port of a public client on a loopback
 * address, which the system chooses for each login (RFC 8252, section 7.3).
 */
export function isRegistered(uri: string, registered: readonly string[], { isPublic }: { isPublic: boolean }): boolean {
  if (!isPublic) return registered.includes(uri);
  const [, host, path] = /^(http:\/\/(?:127\.0\.0\.1|\[::1\])):[0-9]{1,5}(\/.*)$/.exec(uri) ?? [];
  return host !== undefined && URL.canParse(uri) && registered.includes(`${host}${path}`);
}

/** The source expression for a redirect URI in a content security policy. */
export function redirectSource(uri: string): string {
  const url = new URL(uri);
  // The policy's grammar does not allow IPv6 addresses.
  return url.host === '' || url.host.startsWith('[') ? url.protocol : `${url.protocol}//${url.host}`;
}

function findRedirectFault(uri: string, url: URL): string | undefined {
  if (uri.includes('#')) return 'it has a fragment';
  if (url.username !== '' || url.password !== '') return 'it contains a user name or password';
  if (!/^[A-Za-z0-9.:[\]_-]*$/.test(url.host)) return 'its host is invalid';
  if (FORBIDDEN_SCHEMES.includes(url.protocol)) return `the scheme ${url.protocol} is not allowed`;
  if (url.protocol === 'http:' && !LOOPBACK.includes(url.hostname)) {
    return 'it would send the code unencrypted; use https://, or http:// with localhost, 127.0.0.1 or [::1]';
  }
  return undefined;
}
