import { Refusal } from '@partway/protocol/errors';
import type { Files } from './context.ts';

/** Refuses a size beyond what a file may have here. */
export function checkSize({ maxFileSize }: Pick<Files, 'maxFileSize'>, size: number): void {
  if (size <= maxFileSize) return;
  throw new Refusal('file_size_limit_exceeded', `A file may have ${maxFileSize} bytes here, not ${size}.`);
}
