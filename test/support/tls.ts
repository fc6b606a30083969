import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Paths of PEM files. */
export interface Certificates {
  /** The CA's certificate, which a client has to trust. */
  ca: string;
  cert: string;
  key: string;
}

/** Names in the server certificate: this machine, and Box's hosts for clients in which they are built in. */
const NAMES = ['DNS:localhost', 'IP:127.0.0.1', 'DNS:api.box.com', 'DNS:upload.box.com', 'DNS:account.box.com'];

/** Creates a CA and a server certificate signed by it, valid for two days, in `folder`. Needs openssl. */
export async function createCertificates(folder: string): Promise<Certificates> {
  const at = (name: string) => join(folder, name);
  await writeFile(at('ca.cnf'), CA_CONFIG);
  await writeFile(at('server.ext'), `subjectAltName=${NAMES.join(',')}\nextendedKeyUsage=serverAuth\n`);

  await openssl('req', '-x509', ...newKey(at('ca.key')), '-config', at('ca.cnf'), '-days', '2', '-out', at('ca.pem'));
  await openssl('req', ...newKey(at('key.pem')), '-config', at('ca.cnf'), '-subj', '/CN=localhost', '-out', at('csr'));
  const signing = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('server.ext')];
  await openssl('x509', '-req', '-in', at('csr'), ...signing, '-days', '2', '-out', at('cert.pem'));

  return { ca: at('ca.pem'), cert: at('cert.pem'), key: at('key.pem') };
}

const CA_CONFIG = `[req]
prompt = no
distinguished_name = subject
x509_extensions = authority
[subject]
CN = Partway test authority
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
`;

function newKey(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256', '-keyout', path];
}

async function openssl(...args: string[]): Promise<void> {
  await run('openssl', args);
}
