import type { FastifyInstance } from 'fastify';
import { getDownload } from '../../files/get-item.ts';
import { getOrigin } from '../addresses.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { parseFileId } from '../request/ids.ts';
import type { Services } from '../services.ts';

/** A gray square. */
const PLACEHOLDERS = {
  png: {
    type: 'image/png',
    bytes: Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAACAAAAAgAQMAAABJtOi3AAAAA1BMVEXZ3eHGuVrZAAAADElEQVR42mNgGNwAAACgAAGO+7G0AAAAAElFTkSuQmCC',
      'base64',
    ),
  },
  jpg: {
    type: 'image/jpeg',
    bytes: Buffer.from(
      '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAj/wAALCAAgACABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAf/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAA/AK6AAAAA/9k=',
      'base64',
    ),
  },
} as const;

/**
 * GET /files/:id/thumbnail.png and .jpg: redirects to a placeholder, as Box does for files without a thumbnail, because
 * Partway creates none. Box's 202 would make clients wait for a thumbnail that never exists.
 */
export function serveThumbnails(scope: FastifyInstance, { files, settings }: Services): void {
  for (const extension of ['png', 'jpg'] as const) {
    scope.get(
      `/files/:file_id/thumbnail.${extension}`,
      { config: bearerPolicy('read', { tokenInQuery: true }) },
      async (request, reply) => {
        const owner = getCaller(request).userId;
        await getDownload(files.db, { owner, fileId: parseFileId(request), versionId: undefined });
        const origin = getOrigin(request, settings.publicUrl);
        return reply.redirect(`${origin}/thumbnails/placeholder.${extension}`, 302);
      },
    );
  }
}

/** Serves the placeholders, which are outside the API's prefixes and public. */
export function servePlaceholders(app: FastifyInstance): void {
  for (const [extension, { type, bytes }] of Object.entries(PLACEHOLDERS)) {
    app.get(`/thumbnails/placeholder.${extension}`, { config: { policy: 'public' } }, async (_request, reply) =>
      reply.type(type).header('cache-control', 'public, max-age=86400').send(bytes),
    );
  }
}
