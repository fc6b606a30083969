/** How much of an unexpected body is shown, in characters. */
const SHOWN = 80;

/**
 * A success (2xx) without what the API promises, such as a proxy's page. Whether the server did what was asked is unknown.
 */
export class UnexpectedAnswer extends Error {
  /** The HTTP status. */
  readonly status: number;
  /** The address that was asked, without its query. */
  readonly url: string;

  constructor({ method, url, status, text }: { method: string; url: string; status: number; text: string }) {
    const { origin, pathname } = new URL(url);
    super(
      `${method} ${origin}${pathname} was answered with ${status} and ${shown(text)}, which is not a response of this API. ` +
        'Something between here and the server answers in its place (a proxy, a login page), or the address is another service’s.',
    );
    this.name = 'UnexpectedAnswer';
    this.status = status;
    this.url = `${origin}${pathname}`;
  }
}

function shown(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  if (line === '') return 'no body';
  return `“${line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line}”`;
}
