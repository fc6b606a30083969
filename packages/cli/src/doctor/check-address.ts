import { once } from 'node:events';
import { connect } from 'node:net';
import { remedyFor } from '../errors/remedy.ts';
import type { Diagnosis } from './diagnosis.ts';

const TIMEOUT_MILLIS = 10_000;

/** Checks whether the address accepts connections, and whether tokens would be sent there unencrypted. */
export async function checkAddress(address: URL, { loopback }: { loopback: boolean }): Promise<Diagnosis> {
  const port = Number(address.port || (address.protocol === 'https:' ? 443 : 80));
  const host = address.hostname.replace(/^\[|\]$/g, '');
  const startedAt = performance.now();
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(TIMEOUT_MILLIS) });
  } catch (error) {
    return { check: 'address', state: 'fail', ...describeFailure(error as NodeJS.ErrnoException, host, port) };
  } finally {
    socket.destroy();
  }
  const message = `${address.origin} accepts connections after ${Math.ceil(performance.now() - startedAt)} ms`;
  if (address.protocol === 'https:' || loopback) return { check: 'address', state: 'ok', message };
  const remedy = 'Tokens and files are sent unencrypted. Install a certificate on the server, and use https.';
  return { check: 'address', state: 'warn', message: `${message}, without TLS`, remedy };
}

function describeFailure(
  error: NodeJS.ErrnoException,
  host: string,
  port: number,
): Pick<Diagnosis, 'message' | 'remedy'> {
  const { advice: remedy } = remedyFor(error.code);
  switch (error.code) {
    case 'ECONNREFUSED':
      return { message: `nothing listens on port ${port} of ${host}`, remedy };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return { message: `the host name ${host} is unknown`, remedy };
    case 'ABORT_ERR':
      return { message: `${host} did not respond within ${TIMEOUT_MILLIS / 1000} s`, remedy };
    default:
      return { message: `${host} cannot be reached: ${error.message}`, remedy };
  }
}
