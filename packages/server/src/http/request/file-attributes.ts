import type { Millis } from '@partway/protocol/ids';
import { type ItemDetails, pickDetails } from '@partway/protocol/item-details';
import type { FileAttributes, NewVersionAttributes } from '@partway/protocol/schemas/files';
import { parseDate } from '../render/dates.ts';
import type { FieldCodes } from './bodies.ts';

/** The error codes for fields of files in bodies. */
export const FILE_CODES: FieldCodes = {
  '/name': { missing: 'missing_file_name', invalid: 'item_name_invalid' },
  '/parent': { missing: 'missing_destination', invalid: 'missing_destination' },
  '/parent/id': { missing: 'missing_destination', invalid: 'invalid_folder_id' },
  '/size': { missing: 'missing_file_size', invalid: 'invalid_file_size' },
};

/** Parses the content dates that a client states, to the second. */
export function parseContentDates(attributes: Pick<FileAttributes, 'content_created_at' | 'content_modified_at'>): {
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

/** Parses the attributes of an upload or a commit. */
export function parseFileTraits(
  attributes: NewVersionAttributes,
): ReturnType<typeof parseContentDates> & ReturnType<typeof parseVersionTraits> {
  return { ...parseContentDates(attributes), ...parseVersionTraits(attributes) };
}

/** Parses the attributes of a new version that also change its file: name, description and details. */
export function parseVersionTraits(
  attributes: NewVersionAttributes,
): ReturnType<typeof parseItemTraits> & { name?: string } {
  const { name } = attributes;
  return { ...(name != null && { name }), ...parseItemTraits(attributes) };
}

/** Parses the attributes that belong to the file, not to a version: description and details. */
export function parseItemTraits(attributes: FileAttributes): { description?: string; details: Partial<ItemDetails> } {
  const { description } = attributes;
  return { ...(description != null && { description }), details: pickDetails({ tags: attributes.tags }) };
}
