import { wireDateFault } from '@partway/protocol/dates';
import { isStorableText, NOT_STORABLE } from '@partway/protocol/text';
import type { UploadEvent, UploadOptions } from '../upload-options.ts';
import type { UploadSource } from './source.ts';

const MOST_DESCRIPTION = 256;

/** What an upload says of a file beside its bytes, in the wire's words. */
export interface ContentAttributes {
  content_created_at?: string;
  content_modified_at?: string;
  description?: string;
}

/**
 * What an upload says of a file, which the server takes: it would refuse it only when all bytes are there. A time of change
 * that no server takes (before the year 1 or after 9999) is left out, and said to be.
 * @throws TypeError for a date or description that the caller gave and no server takes.
 */
export function checkedAttributes({
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
  const ofSource =
    contentModifiedAt === undefined && modifiedAt !== undefined ? wireDate(new Date(modifiedAt)) : undefined;
  if (ofSource === 'none') {
    const message = `${name} has a time of change that no server takes (before the year 1 or after 9999): it is left out.`;
    emit({ type: 'date-left-out', message });
  }
  const modified = given('contentModifiedAt', contentModifiedAt) ?? (ofSource === 'none' ? undefined : ofSource);
  const created = given('contentCreatedAt', contentCreatedAt);
  checkDescription(description);
  return {
    ...(created !== undefined && { content_created_at: created }),
    ...(modified !== undefined && { content_modified_at: modified }),
    ...(description !== undefined && { description }),
  };
}

function given(option: string, date: Date | undefined): string | undefined {
  const text = date === undefined ? undefined : wireDate(date);
  if (text === 'none') throw new TypeError(`${option} must be a date within the years 1 to 9999 in UTC.`);
  return text;
}

/** Dates have no fractions on the wire. */
function wireDate(date: Date): string | 'none' {
  if (Number.isNaN(date.getTime())) return 'none';
  const text = date.toISOString().replace(/\.\d+Z$/, 'Z');
  return wireDateFault(text) === undefined ? text : 'none';
}

function checkDescription(description: string | undefined): void {
  if (description === undefined) return;
  if ([...description].length > MOST_DESCRIPTION) {
    throw new TypeError(`A description has at most ${MOST_DESCRIPTION} characters.`);
  }
  if (!isStorableText(description)) throw new TypeError(`The description ${NOT_STORABLE}.`);
}
