/** Why a server cannot be reached, and what to do. */
interface Remedy {
  /** The rest of "The connection to HOST failed: …"; undefined if the system's message is good enough. */
  reason?: string;
  advice: string;
}

const OWN_AUTHORITY: Remedy = {
  reason: 'its certificate is not from an authority that this machine trusts',
  advice: 'For your own authority, set NODE_EXTRA_CA_CERTS=ca.pem. Otherwise, the connection may be intercepted.',
};
const ANOTHER_NAME: Remedy = {
  reason: 'its certificate is for another name',
  advice: 'Use an address with the name in the certificate.',
};
const NOT_TLS: Remedy = {
  reason: 'this port does not speak TLS',
  advice: 'If the server does not use TLS, its address begins with http://. Otherwise, check the port.',
};
const NOT_HTTP: Remedy = {
  reason: 'the service on this port does not speak HTTP',
  advice: 'If the server uses TLS, its address begins with https://. Otherwise, check the port.',
};
const NO_NETWORK: Remedy = { advice: 'Check the network of this machine.' };
const UNKNOWN_HOST: Remedy = { advice: 'Check the address for typos, and this machine’s DNS.' };
const NO_RESPONSE: Remedy = { advice: 'Check that the server is up, and check the firewalls on the way.' };
const CLOSED: Remedy = {
  reason: 'it was closed before a response arrived',
  advice: 'Check that the server is running, and whether its address begins with http:// or https://.',
};
const TOO_MANY_FILES: Remedy = {
  reason: 'this process has too many open files and connections',
  advice: 'Raise the limit (ulimit -n 4096), then run the command again.',
};

const REMEDIES: Record<string, Remedy> = {
  ECONNREFUSED: { advice: 'Start the server (partway serve), or check the port in the address.' },
  ENOTFOUND: UNKNOWN_HOST,
  EAI_AGAIN: UNKNOWN_HOST,
  ABORT_ERR: NO_RESPONSE,
  ETIMEDOUT: NO_RESPONSE,
  EHOSTUNREACH: NO_NETWORK,
  ENETUNREACH: NO_NETWORK,
  ENETDOWN: NO_NETWORK,
  EADDRNOTAVAIL: NO_NETWORK,
  ECONNRESET: CLOSED,
  ECONNABORTED: CLOSED,
  EPIPE: CLOSED,
  EMFILE: TOO_MANY_FILES,
  ENFILE: TOO_MANY_FILES,
  DEPTH_ZERO_SELF_SIGNED_CERT: OWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: OWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: OWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: OWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: OWN_AUTHORITY,
  CERT_UNTRUSTED: OWN_AUTHORITY,
  INVALID_CA: OWN_AUTHORITY,
  CERT_HAS_EXPIRED: {
    reason: 'its certificate has expired',
    advice: 'Renew the certificate on the server, or check the clock of this machine.',
  },
  CERT_NOT_YET_VALID: { reason: 'its certificate is not valid yet', advice: 'Check the clock of this machine.' },
  CERT_REVOKED: { reason: 'its certificate was revoked', advice: 'Renew the certificate on the server.' },
  ERR_TLS_CERT_ALTNAME_INVALID: ANOTHER_NAME,
  HOSTNAME_MISMATCH: ANOTHER_NAME,
  EPROTO: NOT_TLS,
};

/** Returns the remedy for the system's error code. */
export function remedyFor(code: string | undefined): Remedy {
  const known = REMEDIES[code ?? ''];
  if (known !== undefined) return known;
  if (code?.startsWith('ERR_SSL_')) return NOT_TLS;
  if (code?.startsWith('HPE_')) return NOT_HTTP;
  return { advice: 'Check that the server is running, and that this is its address.' };
}
