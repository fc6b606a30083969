import { KnownError } from '../../errors.ts';
import { StorageError } from '../errors.ts';

/** How long a client is asked to wait before it sends again what S3 could not take. */
const RETRY_AFTER_SECONDS = 5;

/** What the client, the agent or S3 calls a trouble that passes, where no status says so. */
const RETRYABLE_CODES = new Set([
  ...['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND'],
  ...['EAI_AGAIN', 'EADDRNOTAVAIL', 'EPROTO', 'ERR_STREAM_PREMATURE_CLOSE', 'TimeoutError', 'AbortError'],
  // Damaged or cut on its way to S3: sent again it is right.
  ...['BadDigest', 'IncompleteBody', 'RequestTimeout', 'XAmzContentSHA256Mismatch', 'InternalError', 'SlowDown'],
  // Garage's name for that.
  'InvalidDigest',
  // The SDK notes the difference of the clocks, and signs the next try by S3's.
  'RequestTimeTooSkewed',
  // From the service that hands out credentials, or a renewal that came too late.
  'CredentialsProviderError',
  'ExpiredToken',
]);

/**
 * An operation that S3 refused, or that it did not answer. It has S3's code and no more of the error than that, so that
 * nothing of a signature, a key or a header gets into a log.
 */
export class S3Error extends Error {
  override readonly name = 'S3Failure';
  /** S3's name of the error, or the system's; such as NoSuchUpload or ECONNREFUSED. */
  readonly code: string;
  /** Undefined where no answer came. */
  readonly status: number | undefined;
  /** Whether the same call may well go through later. */
  readonly retryable: boolean;

  constructor(operation: string, { code, retryable: passing, status, requestId }: ErrorDetails) {
    const said = [code, status, requestId && `request ${requestId}`].filter(
      (part) => part !== undefined && part !== '',
    );
    super(`S3 did not do ${operation}: ${said.join(', ')}. ${remedyOf(code)}`.trim());
    this.code = code;
    this.status = status;
    this.retryable = passing;
  }
}

/** What an error tells. */
interface ErrorDetails {
  code: string;
  retryable: boolean;
  status?: number | undefined;
  requestId?: string | undefined;
}

/** What went wrong with `operation`, where it was S3 or the way there; any other error as it is. */
export function toS3Error(operation: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof S3Error || error instanceof KnownError) return error;
  const told = errorDetails(error);
  return told === undefined ? error : new S3Error(operation, told);
}

/** What a failure means to the client: a store that does not answer is `unavailable`, the rest is for the log. */
export function s3UnavailableError(error: unknown): unknown {
  if (!(error instanceof S3Error) || !error.retryable) return error;
  return new StorageError(
    'unavailable',
    'The store behind this server does not answer at present. What was acknowledged stands; send this again later.',
    { retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error },
  );
}

/** True for an upload or object that is not there (Ceph says NoSuchKey of an upload that has become an object). */
export function isNotFound(error: unknown): boolean {
  return error instanceof S3Error && ['NoSuchUpload', 'NoSuchKey', 'NotFound'].includes(error.code);
}

/** What the operator can do about it; empty where it passes by itself. */
function remedyOf(code: string): string {
  switch (code) {
    case 'NoSuchBucket':
      return 'The bucket is not there: make it, or correct PARTWAY_STORAGE or PARTWAY_S3_ENDPOINT.';
    case 'AccessDenied':
    case 'AllAccessDisabled':
    case 'Forbidden':
      return 'The credentials lack a right: docs/operate/s3.md lists those that Partway needs on its bucket. Garage says so of a wrong key or secret too.';
    case 'InvalidAccessKeyId':
    case 'XAdminUserNotFound':
      return 'S3 does not know this access key: correct AWS_ACCESS_KEY_ID, or the profile or role it comes from.';
    case 'SignatureDoesNotMatch':
      return 'The secret key does not belong to the access key: correct AWS_SECRET_ACCESS_KEY.';
    case 'ExpiredToken':
    case 'InvalidToken':
      return 'The credentials have expired: renew them, or let the server take them from a role that renews itself.';
    case 'CredentialsProviderError':
      return 'No credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role.';
    case 'RequestTimeTooSkewed':
      return 'The clock of this machine and that of S3 differ by more than 15 minutes: set it right (NTP).';
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return 'The bucket is in another region: set AWS_REGION to that of the bucket.';
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'TimeoutError':
    case 'AbortError':
      return 'Nothing answers there: see that the store runs, and that PARTWAY_S3_ENDPOINT is its address.';
    default:
      return '';
  }
}

/** Undefined where the error is neither S3's nor the network's: then it is a mistake of ours, or a spool file's. */
function errorDetails(error: Error): ErrorDetails | undefined {
  const { $metadata, code: systemCode, $response } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  const requestId = $metadata?.requestId;
  const named = typeof systemCode === 'string' ? systemCode : error.name;
  if (status !== undefined && status >= 300) {
    const passing =
      (status >= 500 && status !== 501) || status === 408 || status === 429 || RETRYABLE_CODES.has(error.name);
    const code = status === 301 || status === 307 ? 'PermanentRedirect' : error.name;
    return { code, status, requestId, retryable: passing };
  }
  // An answer that says 200 and cannot be read was cut on its way.
  if (status !== undefined || $response !== undefined)
    return { code: 'unreadable answer', status, requestId, retryable: true };
  for (const code of [named, error.name]) {
    if (RETRYABLE_CODES.has(code) || code.startsWith('HPE_')) return { code, status, requestId, retryable: true };
  }
  return undefined;
}

/** What the SDK hangs on its errors, as far as it is needed here. */
interface SdkError extends Error {
  $metadata?: { httpStatusCode?: number; requestId?: string };
  $response?: unknown;
  code?: unknown;
}
