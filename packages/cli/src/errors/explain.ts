import { ApiError, SourceChangedError, TransportError, UnexpectedResponse } from '@partway/client/node/index';
import { EXIT, type ExitCode, Failure } from '../exit-codes.ts';
import { escapeControl } from '../output/text.ts';
import { explainSystem, type SystemError } from './explain-system.ts';
import { remedyFor } from './remedy.ts';

/** An error for the user: what happened, what to do, and the exit code. */
export interface Explained {
  message: string;
  exitCode: ExitCode;
  /** The error code of the API or the system, if there is one. */
  code: string | undefined;
  /** The local path that the message is about and names, if there is one. */
  path?: string | undefined;
}

/** Explains an error, with advice. */
export function explain(error: unknown): Explained {
  if (error instanceof Failure) return { message: error.message, exitCode: error.exitCode, code: undefined };
  if (error instanceof ApiError) return explainApiError(error);
  if (error instanceof TransportError) return explainConnection(error);
  if (error instanceof UnexpectedResponse) {
    const advice = 'Check the address, HTTP_PROXY and HTTPS_PROXY. For details, run partway doctor.';
    return {
      message: `${escapeControl(error.message)} ${advice}`,
      exitCode: EXIT.unreachable,
      code: 'unexpected_answer',
    };
  }
  if (error instanceof SourceChangedError) {
    return {
      message: `${error.message} Run the command again when nothing is writing to it.`,
      exitCode: EXIT.failed,
      code: undefined,
    };
  }
  return explainSystemError(error as SystemError);
}

function explainSystemError(error: SystemError): Explained {
  const { message, code, path } = error;
  const exitCode = path !== undefined && (code === 'ENOENT' || code === 'ENOTDIR') ? EXIT.notFound : EXIT.failed;
  return { message: explainSystem(error) ?? message, exitCode, code, path };
}

function explainConnection({ message, code }: TransportError): Explained {
  const { reason, advice } = remedyFor(code);
  const host = /^The connection to (\S+) failed: /.exec(message)?.[1];
  const sentence =
    reason === undefined || host === undefined ? message : `The connection to ${host} failed: ${reason}.`;
  // The system's error code is included, so that users can search for it.
  const name = code === undefined || sentence.includes(code) ? '' : ` (${code})`;
  const explanation = `${escapeControl(sentence)}${name} ${advice} For details, run partway doctor.`;
  return { message: explanation, exitCode: EXIT.unreachable, code };
}

/** What to do about an error of the API, and the exit code. The server's message says what happened. */
const ADVICE: Record<string, [ExitCode, string]> = {
  unauthorized: [EXIT.accessDenied, 'Log in again: partway login.'],
  invalid_client: [EXIT.accessDenied, 'Check the client ID and secret of the app, and log in again: partway login.'],
  invalid_grant: [EXIT.accessDenied, 'Log in again: partway login.'],
  forbidden: [EXIT.accessDenied, 'It belongs to a different user than the token does.'],
  insufficient_scope: [EXIT.accessDenied, 'Use a token with more permissions.'],
  access_denied_insufficient_permissions: [EXIT.accessDenied, 'Use a token with more permissions.'],
  item_name_in_use: [EXIT.conflict, 'Use --conflict version, --conflict rename, or another --name.'],
  precondition_failed: [EXIT.conflict, 'It has been changed in the meantime.'],
  upload_session_not_found: [EXIT.notFound, 'List uploads in progress with partway sessions list.'],
  invalid_upload_session_id: [EXIT.notFound, 'List uploads in progress with partway sessions list.'],
  trashed: [EXIT.notFound, 'It is in the trash.'],
  storage_limit_exceeded: [
    EXIT.failed,
    'To free quota, empty the trash or abort uploads, or ask the operator for more.',
  ],
  operation_limit_exceeded: [EXIT.failed, 'Use smaller steps. The operator of the server sets this limit.'],
  insufficient_storage: [EXIT.failed, 'Run the command again when the server has free space. Stored parts are kept.'],
  file_size_limit_exceeded: [EXIT.failed, 'The operator of the server sets this limit.'],
  rate_limit_exceeded: [EXIT.failed, 'Wait a while, then run the command again.'],
};

/** For an error response that does not come from the API. */
const NOT_THE_API: [ExitCode, string] = [
  EXIT.unreachable,
  'This is not a response of the API. Check the address, HTTP_PROXY and HTTPS_PROXY. For details, run partway doctor.',
];

function explainApiError({ status, code, message, requestId }: ApiError): Explained {
  const [exitCode, advice] =
    ADVICE[code] ?? (/^http_4(?!13)/.test(code) ? NOT_THE_API : undefined) ?? adviceFor(status);
  const sentence = escapeControl(/[.!?]$/.test(message) ? message : `${message}.`);
  const id =
    status >= 500 && requestId !== '' ? ` Its request ID in the log of the server is ${escapeControl(requestId)}.` : '';
  return { message: `${sentence} (${status} ${escapeControl(code)}) ${advice}${id}`.trim(), exitCode, code };
}

function adviceFor(status: number): [ExitCode, string] {
  if (status === 401) return [EXIT.accessDenied, 'Log in again: partway login.'];
  if (status === 413)
    return [EXIT.failed, 'The server, or a proxy in front of it, does not accept requests of this size.'];
  if (status === 403) return [EXIT.accessDenied, ''];
  if (status === 404 || status === 410) return [EXIT.notFound, ''];
  if (status === 409 || status === 412) return [EXIT.conflict, ''];
  return [EXIT.failed, status >= 500 ? 'This is an error of the server. Run the command again later.' : ''];
}
