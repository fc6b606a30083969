import { ApiError } from '../errors.ts';
import { RestartUpload } from './session-errors.ts';
import { isNewFile, type Target, type UploadTask } from './upload.ts';

/** Does `act` for the target, or for the next one that the policy allows while the name is taken. */
export async function resolvingConflicts<T>(upload: UploadTask, act: (target: Target) => Promise<T>): Promise<T> {
  let target = upload.target;
  for (let taken = 1; ; taken += 1) {
    try {
      if (isNewFile(target)) refuseKnown(upload, target.name);
      return await act(target);
    } catch (error) {
      target = nextTarget(upload, error, taken);
    }
  }
}

/** @throws what the server would say of a name that is known to be taken. */
function refuseKnown({ options, client }: UploadTask, name: string): void {
  const there = options.whatHas?.(name);
  if (there === undefined) return;
  throw new ApiError({
    status: 409,
    code: 'item_name_in_use',
    message: `"${name}" is taken by ${there.type} ${there.id}.`,
    contextInfo: { conflicts: there },
    call: `POST ${client.addresses.upload}/2.0/files/content`,
  });
}

function nextTarget({ target, options, emit }: UploadTask, error: unknown, taken: number): Target {
  if (!isNameTaken(error) || !isNewFile(target) || taken > MOST_NAMES) throw error;
  switch (options.conflict ?? 'fail') {
    case 'fail':
      throw error;
    case 'version': {
      const { type, id } = conflictOf(error);
      // A folder has no versions; and a second file in the way would be a surprise.
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

/** What has the name: an object for a file, an array for a folder, and both at some calls of Box's. */
function conflictOf(error: ApiError): { type?: string; id?: string; sha1?: string } {
  const [conflict] = [error.contextInfo.conflicts].flat();
  return typeof conflict === 'object' && conflict !== null ? conflict : {};
}

/** What a conflict at the end of an upload means, when the name was free at its start. */
export function nameTakenError(upload: UploadTask, error: ApiError): ApiError | RestartUpload {
  if ((upload.options.conflict ?? 'fail') === 'fail' || !isNewFile(upload.target)) return error;
  return new RestartUpload('name-taken', `"${upload.target.name}" was taken while this was uploaded.`, {
    cause: error,
  });
}

/** Past so many names that are taken there is something else wrong. */
export const MOST_NAMES = 200;

/** The name to try where `number` names before it were taken: `report.pdf` for 0, then `report (1).pdf` and so on. */
export function numberedName(name: string, number: number): string {
  if (number === 0) return name;
  const dot = name.lastIndexOf('.');
  const at = dot > 0 ? dot : name.length;
  return `${name.slice(0, at)} (${number})${name.slice(at)}`;
}
