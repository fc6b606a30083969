import { randomBytes } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';

/** The part size of most suites, which were written for a disk. */
const SMALL = 1024;
/** The part size for stores with S3's own limit of 5 MiB: part sizes are powers of two. */
const S3_DEFAULT = 8 * 2 ** 20;

/** The part size for testing a store: the smallest one of these that it accepts for a part that is not the last. */
export async function findMinPartSize(client: S3Client, Bucket: string): Promise<number> {
  const object = { Bucket, Key: `least-part-${randomBytes(8).toString('hex')}` };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
  const upload = { ...object, UploadId };
  try {
    const Parts = [];
    for (const PartNumber of [1, 2]) {
      const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body: randomBytes(SMALL) }));
      Parts.push({ PartNumber, ETag });
    }
    await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
    await client.send(new DeleteObjectCommand(object));
    return SMALL;
  } catch (error) {
    await client.send(new AbortMultipartUploadCommand(upload));
    if (error instanceof Error && error.name === 'EntityTooSmall') return S3_DEFAULT;
    throw error;
  }
}
