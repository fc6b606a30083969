import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { ENTERPRISE_ID } from '../context.ts';

/** A new key pair; the private key is sealed with the passphrase, as Box's SDKs expect it. */
export interface SealedKeyPair {
  publicKey: string;
  privateKey: string;
  passphrase: string;
}

export async function makeKeyPair(): Promise<SealedKeyPair> {
  const passphrase = randomBytes(16).toString('hex');
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase },
  });
  return { publicKey, privateKey, passphrase };
}

/** The file that Box's console gives for an app that signs, and that every SDK of Box reads. */
export function jwtConfig(
  app: { clientId: string; clientSecret: string; kid: string },
  { privateKey, passphrase }: SealedKeyPair,
): string {
  const config = {
    boxAppSettings: {
      clientID: app.clientId,
      clientSecret: app.clientSecret,
      appAuth: { publicKeyID: app.kid, privateKey, passphrase },
    },
    enterpriseID: ENTERPRISE_ID,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
