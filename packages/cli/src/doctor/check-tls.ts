import { isIP } from 'node:net';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { Diagnosis } from './diagnosis.ts';

const SOON_DAYS = 14;
const DAY = 86_400_000;
const PATIENCE_MILLIS = 10_000;

/**
 * The certificate of an https server: its end, its chain, its name. Nothing is sent over the connection, so that a token
 * never goes to a server that is not who it says.
 */
export async function checkTls(address: URL, now: number): Promise<Diagnosis> {
  const socket = await handshake(address);
  try {
    return judge(address, socket, now);
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
    // It is looked at here, below; `authorizationError` says what Node thinks of it.
    rejectUnauthorized: false,
    timeout: PATIENCE_MILLIS,
  });
  socket.once('secureConnect', () => resolve(socket));
  socket.once('timeout', () => reject(new Error(`there was no answer within ${PATIENCE_MILLIS / 1000} s`)));
  socket.once('error', reject);
  return promise;
}

function judge(address: URL, socket: TLSSocket, now: number): Diagnosis {
  const certificate = socket.getPeerCertificate();
  const until = Date.parse(certificate.valid_to);
  const day = new Date(until).toISOString().slice(0, 10);
  const days = Math.floor((until - now) / DAY);
  if (until <= now) {
    const remedy = 'Renew it, and restart the server: it reads the files at its start.';
    return { check: 'tls', state: 'fail', message: `the certificate ended on ${day}`, remedy };
  }
  // Node has a code here where its types say Error.
  const trouble = socket.authorized ? undefined : String(socket.authorizationError);
  if (trouble !== undefined) return { check: 'tls', state: 'fail', ...explained(trouble, address, certificate) };
  const message = `${socket.getProtocol()}, a certificate for ${address.hostname} until ${day} (${days} days)`;
  if (days >= SOON_DAYS) return { check: 'tls', state: 'ok', message };
  return { check: 'tls', state: 'warn', message, remedy: 'Renew it soon, and restart the server afterwards.' };
}

function explained(trouble: string, address: URL, certificate: PeerCertificate): Pick<Diagnosis, 'message' | 'remedy'> {
  if (trouble.includes('ERR_TLS_CERT_ALTNAME_INVALID')) {
    const names = certificate.subjectaltname ?? 'no name';
    return {
      message: `the certificate is not one for ${address.hostname}: it is for ${names}`,
      remedy: 'Use an address with one of these names, or give the server a certificate for this one.',
    };
  }
  if (/SELF_SIGNED|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY/.test(trouble)) {
    return {
      message: `nobody whom this machine trusts has signed the certificate (${trouble})`,
      remedy:
        'Give the server the certificate with its whole chain. One of your own authority: NODE_EXTRA_CA_CERTS=ca.pem.',
    };
  }
  return { message: `the certificate is not accepted (${trouble})`, remedy: 'Mend the server’s certificate.' };
}
