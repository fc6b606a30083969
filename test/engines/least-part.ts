import { randomBytes } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';

/** Of the parts that most suites send, since they were written for a disk. */
const SMALL = 1024;
/** Where S3's own limit holds, which is 5 MiB: sizes of parts are powers of two. */
const USUAL = 8 * 2 ** 20;

/** The size of the parts to test a store with, the least that it puts together with others: small ones, or such as S3 takes. */
export async function leastPartOf(client: S3Client, Bucket: string): Promise<number> {
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
    if (error instanceof Error && error.name === 'EntityTooSmall') return USUAL;
    throw error;
  }
}
