import { S3Client } from '@aws-sdk/client-s3';
import type { Millis } from '@partway/protocol/ids';
import { SpooledBody } from '../spool/spooled-body.ts';
import type { Bucket } from './retry.ts';

const CONNECT_TIMEOUT: Millis = 5_000;
/** S3's own default region. S3-compatible stores usually ignore the region. */
const DEFAULT_REGION = 'us-east-1';

export interface S3Address {
  bucket: string;
  /** The address of an S3-compatible store; undefined for AWS S3. */
  endpoint: string | undefined;
  /** Whether the bucket is in the path instead of the host name. */
  pathStyle: boolean;
}

/**
 * Opens a client for one store. The AWS SDK finds region and credentials in its usual places: environment, profile,
 * container, role. The client does not retry, computes no checksums, and does not limit its sockets, because our own code
 * retries and computes checksums, and the spool limits concurrent calls.
 */
export async function openS3Client({ endpoint, pathStyle }: S3Address): Promise<S3Client> {
  const client = new S3Client({
    ...(endpoint !== undefined && { endpoint }),
    forcePathStyle: pathStyle,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    // The default logger writes to the console, even about calls that are retried.
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT,
      // The callers have idle timeouts, because they can tell an unresponsive S3 from a client that reads slowly.
      socketTimeout: 0,
      httpAgent: { maxSockets: Number.POSITIVE_INFINITY },
      httpsAgent: { maxSockets: Number.POSITIVE_INFINITY },
    },
    region: await findRegion(endpoint === undefined ? undefined : DEFAULT_REGION),
  });
  signSpooledBodies(client);
  return client;
}

/** Adds the known SHA-256 of spooled bodies. By default, the SDK does not sign streams, since it would read them twice. */
function signSpooledBodies(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const { body, headers } = args.request as { body?: unknown; headers: Record<string, string> };
      if (body instanceof SpooledBody && body.sha256 !== undefined) headers['x-amz-content-sha256'] = body.sha256;
      return next(args);
    },
    { step: 'build', name: 'signSpooledBodies' },
  );
}

async function findRegion(fallback: string | undefined): Promise<string> {
  const probe = new S3Client({});
  try {
    return await probe.config.region();
  } catch (error) {
    if (fallback !== undefined) return fallback;
    throw new Error('No AWS region is configured. Set AWS_REGION to the region of the bucket.', { cause: error });
  } finally {
    probe.destroy();
  }
}

/** Smaller differences between the clocks are ignored, because they can come from a slow response. */
const CLOCK_TOLERANCE: Millis = 5 * 60_000;

/**
 * Converts a time from S3 to this machine's clock, with which it is compared. Otherwise, if this machine's clock is wrong,
 * new objects would look old. The SDK measures the difference of the clocks with each response. Returns the current time
 * if S3 gave none.
 */
export function toLocalTime({ client }: Bucket, time: Date | undefined): Millis {
  if (time === undefined) return Date.now();
  const ahead = client.config.systemClockOffset;
  return time.getTime() - (Math.abs(ahead) < CLOCK_TOLERANCE ? 0 : ahead);
}
