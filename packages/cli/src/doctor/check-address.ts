import { once } from 'node:events';
import { connect } from 'node:net';
import { remedyFor } from '../errors/remedy.ts';
import type { Diagnosis } from './diagnosis.ts';

const PATIENCE_MILLIS = 10_000;

/** Whether anything listens at an address, and whether a token may go there unencrypted. */
export async function checkAddress(address: URL, { loopback }: { loopback: boolean }): Promise<Diagnosis> {
  const port = Number(address.port || (address.protocol === 'https:' ? 443 : 80));
  const host = address.hostname.replace(/^\[|\]$/g, '');
  const began = performance.now();
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(PATIENCE_MILLIS) });
  } catch (error) {
    return { check: 'address', state: 'fail', ...explained(error as NodeJS.ErrnoException, host, port) };
  } finally {
    socket.destroy();
  }
  const message = `${address.origin} answers after ${Math.ceil(performance.now() - began)} ms`;
  if (address.protocol === 'https:' || loopback) return { check: 'address', state: 'ok', message };
  const remedy = 'Tokens and files go over the network for all to read: give the server a certificate, and use https.';
  return { check: 'address', state: 'warn', message: `${message}, without TLS`, remedy };
}

function explained(error: NodeJS.ErrnoException, host: string, port: number): Pick<Diagnosis, 'message' | 'remedy'> {
  const { advice: remedy } = remedyFor(error.code);
  switch (error.code) {
    case 'ECONNREFUSED':
      return { message: `nothing listens at port ${port} of ${host}`, remedy };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return { message: `the name ${host} is not known`, remedy };
    case 'ABORT_ERR':
      return { message: `${host} did not answer within ${PATIENCE_MILLIS / 1000} s`, remedy };
    default:
      return { message: `${host} cannot be reached: ${error.message}`, remedy };
  }
}
