import { resolveAddresses } from '@partway/client/addresses';
import { EXIT, Failure } from '../exit-codes.ts';

/** Normalizes a server address, as profiles store it. `https://` is the default scheme. */
export function parseServerAddress(text: string): string {
  try {
    return resolveAddresses(text.includes('://') ? text : `https://${text}`).api;
  } catch (error) {
    throw new Failure(EXIT.usage, (error as Error).message, { cause: error });
  }
}

/** Whether an address always refers to this machine. */
export function isLoopbackAddress(address: string): boolean {
  const { hostname } = new URL(address);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
