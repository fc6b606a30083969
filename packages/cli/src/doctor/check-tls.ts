import { isIP } from 'node:net';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { Diagnosis } from './diagnosis.ts';

const WARN_DAYS = 14;
const DAY_MILLIS = 86_400_000;
const TIMEOUT_MILLIS = 10_000;

/**
 * Checks the certificate of an https server: its expiry, chain and name. Nothing is sent over the connection, so that no
 * token goes to a server with an invalid certificate.
 */
export async function checkTls(address: URL, now: number): Promise<Diagnosis> {
  const socket = await handshake(address);
  try {
    return evaluate(address, socket, now);
  } finally {
    socket.destroy();
  }
}

function handshake(address: URL): Promise<TLSSocket> {
  const host = address.hostname.replace(/^\[|\]$/g, '');
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connect({
    host,
    port: Number(address.port || 443),
    ...(isIP(host) === 0 && { servername: host }),
    // `evaluate` checks the certificate; Node.js reports its own verdict in `authorizationError`.
    rejectUnauthorized: false,
    timeout: TIMEOUT_MILLIS,
  });
  socket.once('secureConnect', () => resolve(socket));
  socket.once('timeout', () => reject(new Error(`there was no response within ${TIMEOUT_MILLIS / 1000} s`)));
  socket.once('error', reject);
  return promise;
}

function evaluate(address: URL, socket: TLSSocket, now: number): Diagnosis {
  const certificate = socket.getPeerCertificate();
  const expiresAt = Date.parse(certificate.valid_to);
  const day = new Date(expiresAt).toISOString().slice(0, 10);
  const days = Math.floor((expiresAt - now) / DAY_MILLIS);
  if (expiresAt <= now) {
    const remedy = 'Renew it and restart the server, which reads the files at its start.';
    return { check: 'tls', state: 'fail', message: `the certificate expired on ${day}`, remedy };
  }
  // This is an error code, although its type is Error.
  const code = socket.authorized ? undefined : String(socket.authorizationError);
  if (code !== undefined) return { check: 'tls', state: 'fail', ...describeFailure(code, address, certificate) };
  const message = `${socket.getProtocol()}, certificate for ${address.hostname} valid until ${day} (${days} days)`;
  if (days >= WARN_DAYS) return { check: 'tls', state: 'ok', message };
  return { check: 'tls', state: 'warn', message, remedy: 'Renew it soon, then restart the server.' };
}

function describeFailure(
  code: string,
  address: URL,
  certificate: PeerCertificate,
): Pick<Diagnosis, 'message' | 'remedy'> {
  if (code.includes('ERR_TLS_CERT_ALTNAME_INVALID')) {
    const names = certificate.subjectaltname ?? 'no name';
    return {
      message: `the certificate is not for ${address.hostname}, but for ${names}`,
      remedy: 'Use an address with one of these names, or install a certificate for this one on the server.',
    };
  }
  if (/SELF_SIGNED|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY/.test(code)) {
    return {
      message: `the certificate is not from an authority that this machine trusts (${code})`,
      remedy:
        'Install the certificate with its complete chain. For your own authority, set NODE_EXTRA_CA_CERTS=ca.pem.',
    };
  }
  return { message: `the certificate is not accepted (${code})`, remedy: 'Replace the certificate of the server.' };
}
