import { wireDate } from '../../api/wire-date.ts';
import type { Upload } from './upload.ts';

/** What an upload says of a file beside its bytes, in the wire's words; dates without fractions. */
export function contentAttributes({ options, source }: Upload) {
  const { contentCreatedAt, description } = options;
  const { modifiedAt } = source.identity;
  const contentModifiedAt = options.contentModifiedAt ?? (modifiedAt === undefined ? undefined : new Date(modifiedAt));
  return {
    ...(contentCreatedAt !== undefined && { content_created_at: wireDate(contentCreatedAt.getTime()) }),
    ...(contentModifiedAt !== undefined && { content_modified_at: wireDate(contentModifiedAt.getTime()) }),
    ...(description !== undefined && { description }),
  };
}
