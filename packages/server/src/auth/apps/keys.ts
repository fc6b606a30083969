import { createPublicKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { ENTERPRISE_ID } from '../context.ts';
import { insertAppKey } from './store.ts';

const MIN_BITS = 2048;

/** Registers a public key (PEM) of an app. Returns its key ID. Throws if it is not an RSA public key. */
export async function addAppKey(
  db: Kysely<Tables>,
  { clientId, pem, now }: { clientId: string; pem: string; now: Millis },
): Promise<string> {
  const publicKey = checkPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString();
  const kid = randomBytes(6).toString('hex');
  await insertAppKey(db, { kid, client_id: clientId, public_key: publicKey, created_at: now });
  return kid;
}

/** Parses a public key in PEM form. Throws a message for the operator if the app could not sign with it. */
export function checkPublicKey(pem: string): KeyObject {
  if (pem.includes('PRIVATE KEY')) {
    throw new Error('This is a private key. Register the public key; to extract it, run: openssl rsa -pubout');
  }
  const key = parseKey(pem);
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < MIN_BITS) {
    throw new Error(`The key must be an RSA key of at least ${MIN_BITS} bits.`);
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

/** A key pair whose private key is encrypted with the passphrase, as Box's SDKs require. */
interface EncryptedKeyPair {
  publicKey: string;
  privateKey: string;
  passphrase: string;
}

export async function createKeyPair(): Promise<EncryptedKeyPair> {
  const passphrase = randomBytes(16).toString('hex');
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase },
  });
  return { publicKey, privateKey, passphrase };
}

/**
 * Renders the JSON file that Box's developer console creates for apps that sign, and that all of Box's SDKs can read.
 */
export function renderJwtConfig(
  app: { clientId: string; clientSecret: string; kid: string },
  { privateKey, passphrase }: EncryptedKeyPair,
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
