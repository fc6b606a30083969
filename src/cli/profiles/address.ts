import { EXIT, Failure } from '../exit-codes.ts';

/** A server's address in the one form in which profiles keep it: no slash and no `/2.0` at its end. */
export function serverAddress(text: string): string {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Failure(EXIT.usage, `${text} is not the address of a server. It looks like https://files.example.com.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new Failure(
      EXIT.usage,
      'The address of a server holds no user and no password; partway login asks for a token.',
    );
  }
  return (url.origin + url.pathname).replace(/\/+$/, '').replace(/\/2\.0$/, '');
}

/** Whether an address leads to this machine and nowhere else. */
export function isLoopbackAddress(address: string): boolean {
  const { hostname } = new URL(address);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
