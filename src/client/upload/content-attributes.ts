import type { Upload } from './upload.ts';

/** What an upload says of a file beside its bytes, in the wire's words; dates without fractions. */
export function contentAttributes({ options, source }: Upload) {
  const { contentCreatedAt, description } = options;
  const { modifiedAt } = source.identity;
  const contentModifiedAt = options.contentModifiedAt ?? (modifiedAt === undefined ? undefined : new Date(modifiedAt));
  return {
    ...(contentCreatedAt !== undefined && { content_created_at: wireDate(contentCreatedAt) }),
    ...(contentModifiedAt !== undefined && { content_modified_at: wireDate(contentModifiedAt) }),
    ...(description !== undefined && { description }),
  };
}

function wireDate(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
