import type { FastifyInstance } from 'fastify';
import type { Services } from '../services.ts';
import { serveContentUpload } from './direct-upload.ts';
import { serveContent } from './downloads.ts';
import { serveFiles } from './files.ts';
import { serveFolders } from './folders.ts';
import { servePreflight } from './preflight.ts';
import { serveThumbnails } from './thumbnails.ts';
import { serveTrash } from './trash.ts';
import { serveUsers } from './users.ts';
import { serveVersions } from './versions.ts';

/** Serves all endpoints except chunked uploads and tokens: files, folders and users. */
export async function serveTree(scope: FastifyInstance, services: Services): Promise<void> {
  serveFolders(scope, services);
  serveFiles(scope, services);
  serveVersions(scope, services);
  serveTrash(scope, services);
  serveThumbnails(scope, services);
  serveContent(scope, services);
  servePreflight(scope, services);
  serveUsers(scope, services);
  await scope.register(async (uploads) => serveContentUpload(uploads, services));
}
