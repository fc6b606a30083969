import { createHash } from 'node:crypto';
import { closeSync, type Dirent, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { serveRequests } from '@partway/server/util/worker-client';
import { decodeName } from '../../arguments.ts';
import type { DiskError, DiskJob, DiskResult, ScannedEntry } from './disk-messages.ts';

// Runs in a worker thread, so blocking calls are fine. Measured: a small file is read and hashed three times as fast as with
// the promises of node:fs, where each step goes through the thread pool.

const CHUNK_BYTES = 1024 * 1024;
const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);

serveRequests<DiskJob, DiskResult>((job, reply) => reply(runJob(job)));

function runJob(job: DiskJob): DiskResult {
  try {
    return job.kind === 'scan' ? { entries: scan(job.folder) } : { digests: job.paths.map(sha1OrError) };
  } catch (error) {
    return { error: toDiskError(error) };
  }
}

function scan(folder: string): ScannedEntry[] {
  return readdirSync(folder, { withFileTypes: true, encoding: 'buffer' }).map((entry) => toEntry(folder, entry));
}

function toEntry(folder: string, entry: Dirent<Buffer>): ScannedEntry {
  const decoded = decodeName(entry.name);
  if ('escaped' in decoded) return { kind: 'undecodable', escaped: decoded.escaped };
  const { name } = decoded;
  if (entry.isDirectory()) return { kind: 'folder', name };
  if (entry.isSymbolicLink()) return { kind: 'link', name };
  if (!entry.isFile()) return { kind: 'other', name };
  try {
    return { kind: 'file', name, size: lstatSync(join(folder, name)).size };
  } catch (error) {
    return { kind: 'error', name, error: toDiskError(error) };
  }
}

function sha1OrError(path: string): string | DiskError {
  try {
    const file = openSync(path, 'r');
    try {
      const hash = createHash('sha1');
      for (;;) {
        const bytesRead = readSync(file, chunk, 0, CHUNK_BYTES, null);
        if (bytesRead === 0) return hash.digest('hex');
        hash.update(chunk.subarray(0, bytesRead));
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return toDiskError(error);
  }
}

function toDiskError(error: unknown): DiskError {
  const { message, code, path } = error as NodeJS.ErrnoException;
  return { message, code, path };
}
