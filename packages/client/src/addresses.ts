import { trimSlashes } from '@partway/protocol/text';
/** Where the API is, each without a slash at its end and without `/2.0`. */
export interface Addresses {
  /** Files, folders, users: Box's is https://api.box.com. */
  api: string;
  /** Uploads: Box's is https://upload.box.com/api. */
  upload: string;
  /** Tokens: Box's is https://api.box.com/oauth2. */
  oauth2: string;
  /** The page where a person lets an app act for them: Box's is https://account.box.com/api/oauth2/authorize. */
  authorize: string;
}

const BOX: Addresses = {
  api: 'https://api.box.com',
  upload: 'https://upload.box.com/api',
  oauth2: 'https://api.box.com/oauth2',
  authorize: 'https://account.box.com/api/oauth2/authorize',
};

/**
 * The addresses of a server: those of Box where it is `https://api.box.com`, all on one host where it is a Partway
 * server's. A path stays (a server behind a proxy's prefix); a `/2.0` at the end is taken away.
 *
 * @throws TypeError where it is no http or https URL.
 */
export function addressesOf(server: string | URL | Partial<Addresses>): Addresses {
  if (typeof server === 'string' || server instanceof URL) {
    const base = baseOf(server);
    if (base === BOX.api) return BOX;
    return { api: base, upload: `${base}/api`, oauth2: `${base}/oauth2`, authorize: `${base}/oauth2/authorize` };
  }
  if (server.api === undefined) throw new TypeError('The server needs an address: {api, upload?, oauth2?}.');
  const { api, upload, oauth2, authorize } = { ...addressesOf(server.api), ...server };
  return { api: baseOf(api), upload: baseOf(upload), oauth2: baseOf(oauth2), authorize: baseOf(authorize) };
}

function baseOf(address: string | URL): string {
  const url = URL.parse(String(address));
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(`"${address}" is not the address of a server: it begins with http:// or https://.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('The address of a server holds no user and no password; give a token instead.');
  }
  return trimSlashes(url.origin + url.pathname).replace(/\/2\.0$/, '');
}
