import { escapeControl } from '../output/text.ts';
import { isLoopbackAddress } from '../profiles/address.ts';
import type { Diagnosis } from './diagnosis.ts';

const TIMEOUT_MILLIS = 30_000;

/** Checks whether the URLs that the server returns lead back to the address that the client uses. */
export async function checkLinks(api: string, upload: string, token: string): Promise<Diagnosis> {
  const response = await fetch(`${api}/2.0/files/content`, {
    method: 'OPTIONS',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: `partway-doctor-${Date.now()}`, parent: { id: '0' }, size: 1 }),
    signal: AbortSignal.timeout(TIMEOUT_MILLIS),
  });
  const body = (await response.json().catch(() => ({}))) as { upload_url?: string; message?: string };
  const url = URL.parse(body.upload_url ?? '');
  if (url === null) {
    const message = `a file could not be uploaded: ${escapeControl(body.message ?? `status ${response.status}`)}`;
    return {
      check: 'links',
      state: 'warn',
      message,
      remedy: 'Ask the operator of the server what the token is allowed to do.',
    };
  }
  const origins = [new URL(api).origin, new URL(upload).origin];
  const isLoopback = isLoopbackAddress(url.href) && !isLoopbackAddress(api);
  if (origins.includes(url.origin) || (new URL(api).hostname.endsWith('.box.com') && url.protocol === 'https:')) {
    return { check: 'links', state: 'ok', message: `uploads go to ${url.origin}` };
  }
  return {
    check: 'links',
    state: isLoopback || url.protocol !== new URL(api).protocol ? 'fail' : 'warn',
    message: `the server returns upload URLs for ${url.origin}, but its address is ${origins[0]}`,
    remedy: 'Set PARTWAY_PUBLIC_URL, or add the proxy to PARTWAY_TRUSTED_PROXIES (see docs/operate/network.md).',
  };
}
