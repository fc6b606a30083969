import { ApiError } from '../errors.ts';
import { RestartUpload } from './session-errors.ts';
import { isNewFile, type Target, type UploadTask } from './upload.ts';

/** Calls `act` with the target. While the name is taken, repeats it with the next target that the policy allows. */
export async function resolveConflicts<T>(upload: UploadTask, act: (target: Target) => Promise<T>): Promise<T> {
  let target = upload.target;
  for (let taken = 1; ; taken += 1) {
    try {
      if (isNewFile(target)) assertNotKnown(upload, target.name);
      return await act(target);
    } catch (error) {
      target = nextTarget(upload, error, taken);
    }
  }
}

/** @throws ApiError as the server would, if the caller knows that the name is taken. */
function assertNotKnown({ options, client }: UploadTask, name: string): void {
  const existing = options.whatHas?.(name);
  if (existing === undefined) return;
  throw new ApiError({
    status: 409,
    code: 'item_name_in_use',
    message: `"${name}" is taken by ${existing.type} ${existing.id}.`,
    contextInfo: { conflicts: existing },
    call: `POST ${client.addresses.upload}/2.0/files/content`,
  });
}

function nextTarget({ target, options, emit }: UploadTask, error: unknown, taken: number): Target {
  if (!isNameTaken(error) || !isNewFile(target) || taken > MAX_NAMES) throw error;
  switch (options.conflict ?? 'fail') {
    case 'fail':
      throw error;
    case 'version': {
      const { type, id } = findConflict(error);
      // A folder has no versions, and a second conflict is unexpected.
      if (type !== 'file' || id === undefined || taken > 1) throw error;
      return { fileId: id, name: target.name };
    }
    case 'rename': {
      const name = numberedName(target.name, taken);
      const message = `"${target.name}" is taken; trying "${name}".`;
      emit({ type: 'renamed', from: target.name, to: name, message });
      return { ...target, name };
    }
  }
}

export function isNameTaken(error: unknown): error is ApiError {
  return error instanceof ApiError && error.code === 'item_name_in_use';
}

/** Returns the item that has the name. Box sends an object for a file, an array for a folder, and either in some calls. */
function findConflict(error: ApiError): { type?: string; id?: string; sha1?: string } {
  const [conflict] = [error.contextInfo.conflicts].flat();
  return typeof conflict === 'object' && conflict !== null ? conflict : {};
}

/** Returns the error for a name that was free when the upload started and is taken now. */
export function nameTakenError(upload: UploadTask, error: ApiError): ApiError | RestartUpload {
  if ((upload.options.conflict ?? 'fail') === 'fail' || !isNewFile(upload.target)) return error;
  return new RestartUpload('name-taken', `"${upload.target.name}" was taken during the upload.`, {
    cause: error,
  });
}

/** If this many names are taken, something else is wrong. */
export const MAX_NAMES = 200;

/** Returns the name to try after `number` names were taken: `report.pdf` for 0, then `report (1).pdf` and so on. */
export function numberedName(name: string, number: number): string {
  if (number === 0) return name;
  const dot = name.lastIndexOf('.');
  const end = dot > 0 ? dot : name.length;
  return `${name.slice(0, end)} (${number})${name.slice(end)}`;
}
