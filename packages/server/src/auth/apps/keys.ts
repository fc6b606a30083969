import { createPublicKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { ENTERPRISE_ID } from '../context.ts';
import { insertAppKey } from './store.ts';

const LEAST_BITS = 2048;

/** Registers a public key (PEM) with which an app will sign, and gives its id. Throws where it is not an RSA public key. */
export async function addAppKey(
  db: Kysely<Tables>,
  { clientId, pem, now }: { clientId: string; pem: string; now: Millis },
): Promise<string> {
  const publicKey = checkPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString();
  const kid = randomBytes(6).toString('hex');
  await insertAppKey(db, { kid, client_id: clientId, public_key: publicKey, created_at: now });
  return kid;
}

/** The key in a PEM text. Throws a sentence for the operator. */
export function checkPublicKey(pem: string): KeyObject {
  if (pem.includes('PRIVATE KEY')) {
    throw new Error('This is a private key, which stays with the app: give the public one (openssl rsa -pubout).');
  }
  const key = parseKey(pem);
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < LEAST_BITS) {
    throw new Error(`The key must be an RSA key of ${LEAST_BITS} bits or more.`);
  }
  return key;
}

function parseKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (error) {
    throw new Error('This is not a public key in PEM form (-----BEGIN PUBLIC KEY-----).', { cause: error });
  }
}

/** A new key pair; the private key is sealed with the passphrase, as Box's SDKs expect it. */
interface SealedKeyPair {
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
