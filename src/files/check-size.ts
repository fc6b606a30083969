import { Refusal } from '../api/refusal.ts';
import type { Files } from './files.ts';

/** Refuses a size beyond what a file may have here. */
export function checkSize({ maxFileSize }: Pick<Files, 'maxFileSize'>, size: number): void {
  if (size <= maxFileSize) return;
  throw new Refusal('file_size_limit_exceeded', `A file may have ${maxFileSize} bytes here, not ${size}.`);
}
