/** A login page as a browser has it: what it shows, and what its form sends. */
export interface Page {
  status: number;
  headers: Headers;
  html: string;
  /** The address under which it was asked, and the cookie that came with it. */
  url: string;
  cookie: string;
  ticket: string;
}

export async function openPage(url: string, cookie = ''): Promise<Page> {
  const response = await fetch(url, { redirect: 'manual', headers: cookie === '' ? {} : { cookie } });
  const set = response.headers.get('set-cookie')?.split(';', 1)[0];
  return pageOf(response, url, set ?? cookie);
}

/** Sends the form of the page, with what the user typed. */
export async function sendForm(page: Page, fields: Record<string, string>): Promise<Page> {
  const body = new URLSearchParams({ ticket: page.ticket, decision: 'allow', ...fields });
  const headers = { cookie: page.cookie, origin: new URL(page.url).origin };
  const response = await fetch(page.url, { method: 'POST', body, headers, redirect: 'manual' });
  return pageOf(response, page.url, page.cookie);
}

/** Where the page leads on to. */
export function leadsTo(page: Page): URL {
  const location = page.headers.get('location');
  if (page.status !== 303 || location === null) throw new Error(`no way on: ${page.status} ${page.html}`);
  return new URL(location);
}

async function pageOf(response: Response, url: string, cookie: string): Promise<Page> {
  const html = await response.text();
  const ticket = /name="ticket" value="([^"]*)"/.exec(html)?.[1] ?? '';
  return { status: response.status, headers: response.headers, html, url, cookie, ticket };
}
