import { escapeControl } from '../output/text.ts';
import type { Diagnosis } from './diagnosis.ts';

const PATIENCE_MILLIS = 30_000;

/** Asks the server who the token is: whether it is one of its own, and what its clock says. */
export async function checkApi(api: string, token: string): Promise<Diagnosis[]> {
  const sent = Date.now();
  const response = await fetch(`${api}/2.0/users/me`, {
    headers: { authorization: `Bearer ${token}` },
    redirect: 'manual',
    signal: AbortSignal.timeout(PATIENCE_MILLIS),
  });
  const came = Date.now();
  const text = await response.text();
  const diagnoses = [diagnoseToken(response, text)];
  const date = Date.parse(response.headers.get('date') ?? '');
  // The header counts whole seconds, so that on the average half of one is past.
  if (!Number.isNaN(date)) diagnoses.push(diagnoseClock(date + 500 - (sent + came) / 2));
  return diagnoses;
}

function diagnoseToken(response: Response, text: string): Diagnosis {
  const { login, name, id } = asUser(text);
  if (response.status === 200 && id !== undefined) {
    return { check: 'token', state: 'ok', message: `the token is that of ${escapeControl(`${name} <${login}>`)}` };
  }
  if (response.status === 401) {
    const why = /error_description="([^"]*)"/.exec(response.headers.get('www-authenticate') ?? '')?.[1];
    const message = `the server does not take the token${why === undefined ? '' : ` (${escapeControl(why)})`}`;
    return { check: 'token', state: 'fail', message, remedy: 'Log in again: partway login.' };
  }
  return {
    check: 'token',
    state: 'fail',
    message: `GET /2.0/users/me was answered with status ${response.status}, and not with a user`,
    remedy: 'Is this the address of the API? A proxy in front may answer in its place.',
  };
}

function asUser(text: string): { id?: string; login?: string; name?: string } {
  try {
    return JSON.parse(text) as { id?: string };
  } catch {
    return {};
  }
}

/** Assertions of apps live a minute: with a clock further off than that none of them is taken. */
const FAR_OFF_MILLIS = 60_000;
const OFF_MILLIS = 5_000;

/** `ahead`: how many milliseconds the server's clock is ahead of this one. */
export function diagnoseClock(ahead: number): Diagnosis {
  const off = Math.abs(ahead);
  if (off < OFF_MILLIS) return { check: 'clock', state: 'ok', message: 'the clocks here and there agree' };
  const message = `the server’s clock is ${Math.round(off / 1000)} s ${ahead > 0 ? 'ahead of' : 'behind'} this one`;
  const remedy = 'Let both machines set their clocks by NTP: what apps sign lives a minute.';
  return { check: 'clock', state: off < FAR_OFF_MILLIS ? 'warn' : 'fail', message, remedy };
}
