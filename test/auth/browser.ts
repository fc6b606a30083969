/** A login page as a browser sees it: what it shows, and what its form sends. */
export interface Page {
  status: number;
  headers: Headers;
  html: string;
  /** The address of the page, and the cookie that came with it. */
  url: string;
  cookie: string;
  ticket: string;
}

export async function openPage(url: string, cookie = ''): Promise<Page> {
  const response = await fetch(url, { redirect: 'manual', headers: cookie === '' ? {} : { cookie } });
  const set = response.headers.get('set-cookie')?.split(';', 1)[0];
  return parsePage(response, url, set ?? cookie);
}

/** Sends the form of the page, with the fields that the user has filled in. */
export async function sendForm(page: Page, fields: Record<string, string>): Promise<Page> {
  const body = new URLSearchParams({ ticket: page.ticket, decision: 'allow', ...fields });
  const headers = { cookie: page.cookie, origin: new URL(page.url).origin };
  const response = await fetch(page.url, { method: 'POST', body, headers, redirect: 'manual' });
  return parsePage(response, page.url, page.cookie);
}

/** The address that the page redirects to. */
export function getRedirect(page: Page): URL {
  const location = page.headers.get('location');
  if (page.status !== 303 || location === null) throw new Error(`no redirect: ${page.status} ${page.html}`);
  return new URL(location);
}

async function parsePage(response: Response, url: string, cookie: string): Promise<Page> {
  const html = await response.text();
  const ticket = /name="ticket" value="([^"]*)"/.exec(html)?.[1] ?? '';
  return { status: response.status, headers: response.headers, html, url, cookie, ticket };
}
