import type { Millis } from '@partway/protocol/ids';
import { type ItemDetails, pickDetails } from '@partway/protocol/item-details';
import type { FileTraits, NewVersionAttributes } from '@partway/protocol/schemas/files';
import { parseDate } from '../render/dates.ts';
import type { FieldCodes } from './bodies.ts';

/** Which codes the fields of a file get that is named in a body. */
export const FILE_CODES: FieldCodes = {
  '/name': { missing: 'missing_file_name', invalid: 'item_name_invalid' },
  '/parent': { missing: 'missing_destination', invalid: 'missing_destination' },
  '/parent/id': { missing: 'missing_destination', invalid: 'invalid_folder_id' },
  '/size': { missing: 'missing_file_size', invalid: 'invalid_file_size' },
};

/** What a client says of a file's content, to the second. */
export function parseContentDates(attributes: Pick<FileTraits, 'content_created_at' | 'content_modified_at'>): {
  contentCreatedAt?: Millis;
  contentModifiedAt?: Millis;
} {
  const contentCreatedAt = parseDate('content_created_at', attributes.content_created_at);
  const contentModifiedAt = parseDate('content_modified_at', attributes.content_modified_at);
  return {
    ...(contentCreatedAt !== undefined && { contentCreatedAt }),
    ...(contentModifiedAt !== undefined && { contentModifiedAt }),
  };
}

/** What an upload or a commit says of a file beside its name. */
export function parseFileTraits(
  attributes: NewVersionAttributes,
): ReturnType<typeof parseContentDates> & ReturnType<typeof parseVersionTraits> {
  return { ...parseContentDates(attributes), ...parseVersionTraits(attributes) };
}

/** What a new version changes of the file itself: its name, if it gets one, and what the file keeps. */
export function parseVersionTraits(
  attributes: NewVersionAttributes,
): ReturnType<typeof parseItemTraits> & { name?: string } {
  const { name } = attributes;
  return { ...(name != null && { name }), ...parseItemTraits(attributes) };
}

/** Of these what the file itself keeps, whichever version is shown. */
export function parseItemTraits(attributes: FileTraits): { description?: string; details: Partial<ItemDetails> } {
  const { description } = attributes;
  return { ...(description != null && { description }), details: pickDetails({ tags: attributes.tags }) };
}
