import { trimSlashes } from '@partway/protocol/text';

/** Base URLs of the API, without a slash at the end and without `/2.0`. */
export interface Addresses {
  /** Files, folders, users: Box's is https://api.box.com. */
  api: string;
  /** Uploads: Box's is https://upload.box.com/api. */
  upload: string;
  /** Tokens: Box's is https://api.box.com/oauth2. */
  oauth2: string;
  /** The page on which users authorize an app: Box's is https://account.box.com/api/oauth2/authorize. */
  authorize: string;
}

const BOX: Addresses = {
  api: 'https://api.box.com',
  upload: 'https://upload.box.com/api',
  oauth2: 'https://api.box.com/oauth2',
  authorize: 'https://account.box.com/api/oauth2/authorize',
};

/**
 * Returns the base URLs of a server: Box's for `https://api.box.com`, and otherwise those of a Partway server, all on one
 * host. A path is kept, for a server behind a proxy with a path prefix. `/2.0` at the end is removed.
 *
 * @throws TypeError if the address is not an http or https URL, or contains a user name or password.
 */
export function resolveAddresses(server: string | URL | Partial<Addresses>): Addresses {
  if (typeof server === 'string' || server instanceof URL) {
    const base = parseBaseUrl(server);
    if (base === BOX.api) return BOX;
    return { api: base, upload: `${base}/api`, oauth2: `${base}/oauth2`, authorize: `${base}/oauth2/authorize` };
  }
  if (server.api === undefined) throw new TypeError('The server needs an address: { api, upload?, oauth2? }.');
  const { api, upload, oauth2, authorize } = { ...resolveAddresses(server.api), ...server };
  return {
    api: parseBaseUrl(api),
    upload: parseBaseUrl(upload),
    oauth2: parseBaseUrl(oauth2),
    authorize: parseBaseUrl(authorize),
  };
}

function parseBaseUrl(address: string | URL): string {
  const url = URL.parse(String(address));
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(`"${address}" is not a server address. It must begin with http:// or https://.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('The server address must not contain a user name or a password. Use a token instead.');
  }
  return trimSlashes(url.origin + url.pathname).replace(/\/2\.0$/, '');
}
