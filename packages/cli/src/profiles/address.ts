import { resolveAddresses } from '@partway/client/addresses';
import { EXIT, Failure } from '../exit-codes.ts';

/**
 * Normalizes a server address, as profiles store it. The default scheme is `http://` on this machine, because a local server
 * rarely has a certificate, and `https://` elsewhere.
 */
export function parseServerAddress(text: string): string {
  try {
    if (text.includes('://')) return resolveAddresses(text).api;
    const plain = resolveAddresses(`http://${text}`).api;
    return isLoopbackAddress(plain) ? plain : resolveAddresses(`https://${text}`).api;
  } catch (error) {
    throw new Failure(EXIT.usage, (error as Error).message, { cause: error });
  }
}

/** Whether an address always refers to this machine. */
export function isLoopbackAddress(address: string): boolean {
  const { hostname } = new URL(address);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
