import { S3Client } from '@aws-sdk/client-s3';
import type { Millis } from '@partway/protocol/ids';
import { SpooledBody } from '../spool/spooled-body.ts';
import type { Bucket } from './retry.ts';

const CONNECT_LIMIT: Millis = 5_000;
/** What S3 itself takes where no region is told; stores of other makers do not care. */
const ANY_REGION = 'us-east-1';

export interface S3Address {
  bucket: string;
  /** Of a store of another maker; AWS S3 where there is none. */
  endpoint: string | undefined;
  /** The bucket in the path and not in the host's name. */
  pathStyle: boolean;
}

/**
 * A client for one store. Region and credentials come as the AWS SDK finds them: environment, profile, container, role.
 * It tries a call once, computes no checksum, and has no limit of sockets: how often, with which proof and how many at
 * once is decided above it, where the spool is the limit.
 */
export async function openS3Client({ endpoint, pathStyle }: S3Address): Promise<S3Client> {
  const client = new S3Client({
    ...(endpoint !== undefined && { endpoint }),
    forcePathStyle: pathStyle,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    // It would write to the console, and of calls that are tried again.
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
    requestHandler: {
      connectionTimeout: CONNECT_LIMIT,
      // Silence is watched above, where it is known who is silent: S3, or a client that reads slowly.
      socketTimeout: 0,
      httpAgent: { maxSockets: Number.POSITIVE_INFINITY },
      httpsAgent: { maxSockets: Number.POSITIVE_INFINITY },
    },
    region: await regionOr(endpoint === undefined ? undefined : ANY_REGION),
  });
  signSpooledBodies(client);
  return client;
}

/** Left to itself the SDK does not sign a body that is a stream: it would have to read it twice. What is known it takes. */
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

async function regionOr(fallback: string | undefined): Promise<string> {
  const probe = new S3Client({});
  try {
    return await probe.config.region();
  } catch (error) {
    if (fallback !== undefined) return fallback;
    throw new Error('AWS S3 wants to know the region of the bucket: set AWS_REGION.', { cause: error });
  } finally {
    probe.destroy();
  }
}

/** Clocks that differ by less are taken for the same: an answer that S3 takes minutes for says no more than that. */
const SAME: Millis = 5 * 60_000;

/**
 * A moment that S3 tells, by the clock of this machine, with which it is compared: a clock that is wrong here would make
 * old what has just come. The SDK learns from each answer by how much the two differ. What S3 does not tell is now.
 */
export function toLocalTime({ client }: Bucket, told: Date | undefined): Millis {
  if (told === undefined) return Date.now();
  const ahead = client.config.systemClockOffset;
  return told.getTime() - (Math.abs(ahead) < SAME ? 0 : ahead);
}
