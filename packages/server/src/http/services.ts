import type { FastifyBaseLogger } from 'fastify';
import type { AuthContext } from '../auth/context.ts';
import type { FileContext } from '../files/context.ts';
import type { UploadContext } from '../uploads/context.ts';
import type { Pace } from './connections/deadlines.ts';
import type { Readiness } from './routes/readiness.ts';

/** Settings of the HTTP layer. */
export interface HttpSettings {
  /** Certificate and key in PEM form; undefined for plain HTTP. */
  tls: { cert: Buffer; key: Buffer } | undefined;
  /** Scheme and host that clients use, without a trailing slash; undefined to take them from each request. */
  publicUrl: string | undefined;
  /** Addresses and networks that are trusted to set X-Forwarded-* headers. */
  trustedProxies: readonly string[];
  corsOrigins: readonly string[];
  /** Whether GET …/content redirects to a signed URL or sends the bytes. */
  downloads: 'redirect' | 'direct';
  /** Signs download URLs and login pages. */
  signingKey: Buffer;
  maxConnections: number;
  /** How long a commit request waits for the result before the response is 202. */
  commitHoldMillis: number;
  /** Requests and new uploads per user and minute; undefined for no limit. */
  rates: { calls: number | undefined; uploads: number | undefined };
  bodyPace: Pace;
  responsePace: Pace;
  /** Requests that can wait on one connection while another is in progress. */
  maxPipelined: number;
  /** Whether the store may receive the bodies of parts from their connections, and send downloads to them. Can change. */
  handover: { readonly isOn: boolean };
}

/** What the routes use: the contexts of the modules below the HTTP layer, and its settings. */
export interface Services {
  auth: AuthContext;
  uploads: UploadContext;
  files: FileContext;
  settings: HttpSettings;
  readiness: Readiness;
  log: FastifyBaseLogger;
}
