import type { FastifyBaseLogger } from 'fastify';
import type { AuthContext } from '../auth/context.ts';
import type { FileContext } from '../files/context.ts';
import type { UploadContext } from '../uploads/context.ts';
import type { Pace } from './connections/deadlines.ts';
import type { Readiness } from './routes/readiness.ts';

/** What the edge needs to know of how it was set up. */
export interface HttpSettings {
  /** Certificate and key as PEM; plain HTTP where there are none. */
  tls: { cert: Buffer; key: Buffer } | undefined;
  /** Scheme and host that clients use, without a slash at the end; taken from each request where there is none. */
  publicUrl: string | undefined;
  /** Addresses and networks whose X-Forwarded-* headers are believed. */
  trustedProxies: readonly string[];
  corsOrigins: readonly string[];
  /** Whether GET …/content answers with a signed address or with the bytes. */
  downloads: 'redirect' | 'direct';
  /** Signs download addresses. */
  signingKey: Buffer;
  maxConnections: number;
  /** How long a commit is held before it answers 202. */
  commitHoldMillis: number;
  /** Calls, and uploads begun, that a user has a minute; undefined for no limit. */
  rates: { calls: number | undefined; uploads: number | undefined };
  bodyPace: Pace;
  responsePace: Pace;
  /** Requests that a client may send ahead on one connection while one is in progress. */
  maxPipelined: number;
}

/** The rooms behind the edge. */
export interface Services {
  auth: AuthContext;
  uploads: UploadContext;
  files: FileContext;
  settings: HttpSettings;
  readiness: Readiness;
  log: FastifyBaseLogger;
}
