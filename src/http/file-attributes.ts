import type { Millis } from '../api/ids.ts';
import type { NewVersionAttributes } from '../api/schemas/files.ts';
import type { FieldCodes } from './bodies.ts';
import { parseWireDate } from './dates.ts';

/** Which codes the fields of a file get that is named in a body. */
export const FILE_CODES: FieldCodes = {
  '/name': { missing: 'missing_file_name', invalid: 'item_name_invalid' },
  '/parent': { missing: 'missing_destination', invalid: 'missing_destination' },
  '/parent/id': { missing: 'missing_destination', invalid: 'invalid_folder_id' },
  '/size': { missing: 'missing_file_size', invalid: 'invalid_file_size' },
};

/** What a client says of a file's content, to the second. Refuses dates that are none. */
export function contentDatesOf(attributes: NewVersionAttributes): {
  contentCreatedAt?: Millis;
  contentModifiedAt?: Millis;
} {
  const { content_created_at: created, content_modified_at: modified } = attributes;
  return {
    ...(created != null && { contentCreatedAt: parseWireDate('content_created_at', created) }),
    ...(modified != null && { contentModifiedAt: parseWireDate('content_modified_at', modified) }),
  };
}
