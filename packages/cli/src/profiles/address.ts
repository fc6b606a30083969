import { resolveAddresses } from '@partway/client/addresses';
import { EXIT, Failure } from '../exit-codes.ts';

/** A server's address in the one form in which profiles keep it; `https://` goes without saying. */
export function serverAddress(text: string): string {
  try {
    return resolveAddresses(text.includes('://') ? text : `https://${text}`).api;
  } catch (error) {
    throw new Failure(EXIT.usage, (error as Error).message, { cause: error });
  }
}

/** Whether an address leads to this machine and nowhere else. */
export function isLoopbackAddress(address: string): boolean {
  const { hostname } = new URL(address);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
