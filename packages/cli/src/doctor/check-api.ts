import { escapeControl } from '../output/text.ts';
import type { Diagnosis } from './diagnosis.ts';

const TIMEOUT_MILLIS = 30_000;

/** Checks the token and the server's clock. */
export async function checkApi(api: string, token: string): Promise<Diagnosis[]> {
  const sentAt = Date.now();
  const response = await fetch(`${api}/2.0/users/me`, {
    headers: { authorization: `Bearer ${token}` },
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MILLIS),
  });
  const receivedAt = Date.now();
  const text = await response.text();
  const diagnoses = [diagnoseToken(response, text)];
  const date = Date.parse(response.headers.get('date') ?? '');
  // The header has whole seconds: on average, half a second is lost.
  if (!Number.isNaN(date)) diagnoses.push(diagnoseClock(date + 500 - (sentAt + receivedAt) / 2));
  return diagnoses;
}

function diagnoseToken(response: Response, text: string): Diagnosis {
  const { login, name, id } = parseUser(text);
  if (response.status === 200 && id !== undefined) {
    return { check: 'token', state: 'ok', message: `the token belongs to ${escapeControl(`${name} <${login}>`)}` };
  }
  if (response.status === 401) {
    const why = /error_description="([^"]*)"/.exec(response.headers.get('www-authenticate') ?? '')?.[1];
    const message = `the server does not accept the token${why === undefined ? '' : ` (${escapeControl(why)})`}`;
    return { check: 'token', state: 'fail', message, remedy: 'Log in again: partway login.' };
  }
  return {
    check: 'token',
    state: 'fail',
    message: `GET /2.0/users/me returned status ${response.status} and no user`,
    remedy: 'Check that this is the address of the API. A proxy may be responding in its place.',
  };
}

function parseUser(text: string): { id?: string; login?: string; name?: string } {
  try {
    return JSON.parse(text) as { id?: string };
  } catch {
    return {};
  }
}

/** JWT assertions of apps are valid for a minute. If the clocks differ by more, the server refuses all of them. */
const MAX_OFFSET_MILLIS = 60_000;
const WARN_OFFSET_MILLIS = 5_000;

/** `offsetMillis`: how far the server's clock is ahead of the local clock. */
export function diagnoseClock(offsetMillis: number): Diagnosis {
  const distance = Math.abs(offsetMillis);
  if (distance < WARN_OFFSET_MILLIS)
    return { check: 'clock', state: 'ok', message: 'the local clock and that of the server agree' };
  const message = `the server’s clock is ${Math.round(distance / 1000)} s ${offsetMillis > 0 ? 'ahead of' : 'behind'} the local clock`;
  const remedy = 'Synchronize both clocks with NTP. JWT assertions of apps are valid for a minute.';
  return { check: 'clock', state: distance < MAX_OFFSET_MILLIS ? 'warn' : 'fail', message, remedy };
}
