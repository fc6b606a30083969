/** Where a server cannot be reached: what that means in words, where the system's own are none, and what to do. */
interface Remedy {
  /** The rest of "The connection to HOST failed: …"; undefined where the system says it well. */
  happened?: string;
  advice: string;
}

const OWN_AUTHORITY: Remedy = {
  happened: 'its certificate is not from an authority that this machine trusts',
  advice: 'If it is your own, name its authority: NODE_EXTRA_CA_CERTS=ca.pem. If not, somebody may be in between.',
};
const ANOTHER_NAME: Remedy = {
  happened: 'its certificate is for another name',
  advice: 'Use the name that the certificate is for as the address.',
};
const NOT_TLS: Remedy = {
  happened: 'this port does not speak TLS',
  advice: 'Is it a server without TLS? Then its address begins with http://. If not, is it the right port?',
};
const NOT_HTTP: Remedy = {
  happened: 'what answers there does not speak HTTP',
  advice: 'Is it the right port? If it speaks TLS, its address begins with https://.',
};
const NO_NETWORK: Remedy = { advice: 'Look at the network of this machine.' };
const UNKNOWN_HOST: Remedy = { advice: 'Look for a slip in the address, or at this machine’s DNS.' };
const SILENT: Remedy = { advice: 'Look at firewalls between here and there, and whether the machine is up.' };
const CLOSED: Remedy = {
  happened: 'it was closed before an answer came',
  advice: 'Is the server running, and does its address begin with http:// or https:// as it should?',
};
const TOO_MANY_FILES: Remedy = {
  happened: 'this process has too many files and connections open',
  advice: 'Raise the limit (ulimit -n 4096), then run the command again.',
};

const REMEDIES: Record<string, Remedy> = {
  ECONNREFUSED: { advice: 'Start the server (partway serve), or give its port in the address.' },
  ENOTFOUND: UNKNOWN_HOST,
  EAI_AGAIN: UNKNOWN_HOST,
  ABORT_ERR: SILENT,
  ETIMEDOUT: SILENT,
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
    happened: 'its certificate has expired',
    advice: 'It has to be renewed there; or the clock of this machine is wrong.',
  },
  CERT_NOT_YET_VALID: { happened: 'its certificate is not valid yet', advice: 'Look at the clock of this machine.' },
  CERT_REVOKED: { happened: 'its certificate was revoked', advice: 'It has to be renewed there.' },
  ERR_TLS_CERT_ALTNAME_INVALID: ANOTHER_NAME,
  HOSTNAME_MISMATCH: ANOTHER_NAME,
  EPROTO: NOT_TLS,
};

/** By the system's name of the trouble. */
export function remedyFor(code: string | undefined): Remedy {
  const known = REMEDIES[code ?? ''];
  if (known !== undefined) return known;
  if (code?.startsWith('ERR_SSL_')) return NOT_TLS;
  if (code?.startsWith('HPE_')) return NOT_HTTP;
  return { advice: 'Is the server running, and is this its address?' };
}
