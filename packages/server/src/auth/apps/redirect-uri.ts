/** Schemes in which a browser would run or read what comes, instead of handing it to an app. */
const NO_SCHEMES = ['javascript:', 'data:', 'vbscript:', 'file:', 'blob:', 'about:', 'ws:', 'wss:', 'ftp:'];
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** Throws, with a sentence for the operator, where a login must not lead back to this address. */
export function checkRedirectUri(uri: string): void {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  const fault = url === undefined ? 'it is no absolute address' : faultOf(uri, url);
  if (fault !== undefined) throw new Error(`The redirect address ${uri} cannot be used: ${fault}.`);
}

/** What a content security policy calls the place that a redirect address lies in. */
export function redirectSource(uri: string): string {
  const url = new URL(uri);
  // The policy's grammar has no place for an IPv6 address.
  return url.host === '' || url.host.startsWith('[') ? url.protocol : `${url.protocol}//${url.host}`;
}

function faultOf(uri: string, url: URL): string | undefined {
  if (uri.includes('#')) return 'it has a fragment';
  if (url.username !== '' || url.password !== '') return 'it has a user name';
  if (!/^[A-Za-z0-9.:[\]_-]*$/.test(url.host)) return 'its host is none';
  if (NO_SCHEMES.includes(url.protocol)) return `${url.protocol} leads to no app`;
  if (url.protocol === 'http:' && !LOOPBACK.includes(url.hostname)) {
    return 'the code would travel unprotected: give https://, or http:// on this machine (localhost, 127.0.0.1, [::1])';
  }
  return undefined;
}
