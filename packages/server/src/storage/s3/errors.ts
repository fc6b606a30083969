import { KnownError } from '../../errors.ts';
import { StorageError } from '../errors.ts';

/** How long a client should wait before it retries. */
const RETRY_AFTER_SECONDS = 5;

/** Codes of temporary errors from the client, the agent or S3, for errors whose status does not tell. */
const RETRYABLE_CODES = new Set([
  ...['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND'],
  ...['EAI_AGAIN', 'EADDRNOTAVAIL', 'EPROTO', 'ERR_STREAM_PREMATURE_CLOSE', 'TimeoutError', 'AbortError'],
  // The body was damaged or cut off on its way to S3.
  ...['BadDigest', 'IncompleteBody', 'RequestTimeout', 'XAmzContentSHA256Mismatch', 'InternalError', 'SlowDown'],
  // The same, from Garage.
  'InvalidDigest',
  // The SDK records the difference of the clocks and uses S3's time for the next signature.
  'RequestTimeTooSkewed',
  // The credential service failed, or credentials were renewed too late.
  'CredentialsProviderError',
  'ExpiredToken',
]);

/**
 * S3 rejected an operation or did not respond. Of the original error, it has only the code, status and request ID, so that
 * no part of a signature, key or header gets into a log.
 */
export class S3Error extends Error {
  override readonly name = 'S3Error';
  /** The error code of S3 or of the system, such as NoSuchUpload or ECONNREFUSED. */
  readonly code: string;
  /** Undefined if there was no response. */
  readonly status: number | undefined;
  /** Whether the same call can succeed later. */
  readonly retryable: boolean;

  constructor(operation: string, { code, retryable, status, requestId }: ErrorDetails) {
    const parts = [code, status, requestId && `request ${requestId}`].filter(
      (part) => part !== undefined && part !== '',
    );
    super(`S3 ${operation} failed: ${parts.join(', ')}. ${getRemedy(code)}`.trim());
    this.code = code;
    this.status = status;
    this.retryable = retryable;
  }
}

interface ErrorDetails {
  code: string;
  retryable: boolean;
  status?: number | undefined;
  requestId?: string | undefined;
}

/** Converts errors of S3 and of the network to an `S3Error`. Returns other errors unchanged. */
export function toS3Error(operation: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof S3Error || error instanceof KnownError) return error;
  const details = errorDetails(error);
  return details === undefined ? error : new S3Error(operation, details);
}

/** Converts a retryable `S3Error` to the error `unavailable`, for clients. Returns other errors unchanged, for the log. */
export function s3UnavailableError(error: unknown): unknown {
  if (!(error instanceof S3Error) || !error.retryable) return error;
  return new StorageError(
    'unavailable',
    "The server's S3 store is not responding. Acknowledged data is safe. Try again later.",
    { retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error },
  );
}

/** Whether an upload or object does not exist. (Ceph returns NoSuchKey for an upload that has become an object.) */
export function isNotFound(error: unknown): boolean {
  return error instanceof S3Error && ['NoSuchUpload', 'NoSuchKey', 'NotFound'].includes(error.code);
}

/** Returns what the operator can do, or an empty string for temporary errors. */
function getRemedy(code: string): string {
  switch (code) {
    case 'NoSuchBucket':
      return 'The bucket does not exist. Create it, or correct PARTWAY_STORAGE or PARTWAY_S3_ENDPOINT.';
    case 'AccessDenied':
    case 'AllAccessDisabled':
    case 'Forbidden':
      return 'The credentials lack a permission. docs/operate/s3.md lists those that Partway needs on its bucket. Garage also reports a wrong key or secret in this way.';
    case 'InvalidAccessKeyId':
    case 'XAdminUserNotFound':
      return 'S3 does not know this access key. Correct AWS_ACCESS_KEY_ID, or the profile or role that it comes from.';
    case 'SignatureDoesNotMatch':
      return 'The secret key does not match the access key. Correct AWS_SECRET_ACCESS_KEY.';
    case 'ExpiredToken':
    case 'InvalidToken':
      return 'The credentials have expired. Renew them, or use a role whose credentials are renewed automatically.';
    case 'CredentialsProviderError':
      return 'No credentials were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or assign the machine a role.';
    case 'RequestTimeTooSkewed':
      return "This machine's clock and S3's clock differ by more than 15 minutes. Synchronize this machine's clock (NTP).";
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return 'The bucket is in another region. Set AWS_REGION to the region of the bucket.';
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'TimeoutError':
    case 'AbortError':
      return 'There is no response. Check that the store is running and that PARTWAY_S3_ENDPOINT is its address.';
    default:
      return '';
  }
}

/** Returns undefined if the error is not from S3 or the network, but from our own code or a spool file. */
function errorDetails(error: Error): ErrorDetails | undefined {
  const { $metadata, code: systemCode, $response } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  const requestId = $metadata?.requestId;
  const systemName = typeof systemCode === 'string' ? systemCode : error.name;
  if (status !== undefined && status >= 300) {
    const retryable =
      (status >= 500 && status !== 501) || status === 408 || status === 429 || RETRYABLE_CODES.has(error.name);
    const code = status === 301 || status === 307 ? 'PermanentRedirect' : error.name;
    return { code, status, requestId, retryable };
  }
  // The response has status 200 but cannot be parsed, so it was cut off.
  if (status !== undefined || $response !== undefined)
    return { code: 'unreadable response', status, requestId, retryable: true };
  for (const code of [systemName, error.name]) {
    if (RETRYABLE_CODES.has(code) || code.startsWith('HPE_')) return { code, status, requestId, retryable: true };
  }
  return undefined;
}

/** The properties of SDK errors that are used here. */
interface SdkError extends Error {
  $metadata?: { httpStatusCode?: number; requestId?: string };
  $response?: unknown;
  code?: unknown;
}
