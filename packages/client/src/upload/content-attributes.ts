import { wireDateFault } from '@partway/protocol/dates';
import { isStorableText, NOT_STORABLE } from '@partway/protocol/text';
import type { UploadEvent, UploadOptions } from '../upload-options.ts';
import type { UploadSource } from './source.ts';

const MAX_DESCRIPTION_CHARACTERS = 256;

/** The attributes of a file in an upload, with the API's field names. */
export interface ContentAttributes {
  content_created_at?: string;
  content_modified_at?: string;
  description?: string;
}

/**
 * Creates the attributes of an upload. They are validated first, because the server validates them only after all bytes
 * have arrived. A modification time of the source that servers refuse (before the year 1 or after 9999) is left out, with an
 * event.
 * @throws TypeError for a date or description of the caller that servers refuse.
 */
export function createAttributes({
  options,
  source,
  emit,
}: {
  options: UploadOptions;
  source: UploadSource;
  emit(event: UploadEvent): void;
}): ContentAttributes {
  const { contentCreatedAt, contentModifiedAt, description } = options;
  const { modifiedAt, name } = source.identity;
  const sourceDate =
    contentModifiedAt === undefined && modifiedAt !== undefined ? renderDate(new Date(modifiedAt)) : undefined;
  if (sourceDate === 'none') {
    const message = `The modification time of ${name} is before the year 1 or after 9999, so it is left out.`;
    emit({ type: 'date-left-out', message });
  }
  const modified =
    renderDateOption('contentModifiedAt', contentModifiedAt) ?? (sourceDate === 'none' ? undefined : sourceDate);
  const created = renderDateOption('contentCreatedAt', contentCreatedAt);
  assertDescription(description);
  return {
    ...(created !== undefined && { content_created_at: created }),
    ...(modified !== undefined && { content_modified_at: modified }),
    ...(description !== undefined && { description }),
  };
}

function renderDateOption(option: string, date: Date | undefined): string | undefined {
  const text = date === undefined ? undefined : renderDate(date);
  if (text === 'none') throw new TypeError(`${option} must be a date within the years 1 to 9999 in UTC.`);
  return text;
}

/** Renders a date without a fraction, as the API requires. */
function renderDate(date: Date): string | 'none' {
  if (Number.isNaN(date.getTime())) return 'none';
  const text = date.toISOString().replace(/\.\d+Z$/, 'Z');
  return wireDateFault(text) === undefined ? text : 'none';
}

function assertDescription(description: string | undefined): void {
  if (description === undefined) return;
  if ([...description].length > MAX_DESCRIPTION_CHARACTERS) {
    throw new TypeError(`The description must have at most ${MAX_DESCRIPTION_CHARACTERS} characters.`);
  }
  if (!isStorableText(description)) throw new TypeError(`The description ${NOT_STORABLE}.`);
}
