import { ApiError, SourceChangedError, TransportError, UnexpectedResponse } from '@partway/client/node/index';
import { EXIT, type ExitCode, Failure } from '../exit-codes.ts';
import { escapeControl } from '../output/text.ts';
import { explainSystem, type SystemError } from './explain-system.ts';
import { remedyFor } from './remedy.ts';

/** An error as the command line tells it: what happened, what to do, and how the command ends. */
export interface Explained {
  message: string;
  exitCode: ExitCode;
  /** The API's word for it, where it has one. */
  code: string | undefined;
}

/** Adds what to do to what happened. */
export function explain(error: unknown): Explained {
  if (error instanceof Failure) return { message: error.message, exitCode: error.exitCode, code: undefined };
  if (error instanceof ApiError) return explainRefusal(error);
  if (error instanceof TransportError) return explainConnection(error);
  if (error instanceof UnexpectedResponse) {
    const advice = 'Check the address, and HTTP_PROXY and HTTPS_PROXY. partway doctor looks closer.';
    return {
      message: `${escapeControl(error.message)} ${advice}`,
      exitCode: EXIT.unreachable,
      code: 'unexpected_answer',
    };
  }
  if (error instanceof SourceChangedError) {
    return {
      message: `${error.message} Run the command again once nobody writes to it.`,
      exitCode: EXIT.failed,
      code: undefined,
    };
  }
  const { message, code } = error as SystemError;
  return { message: explainSystem(error as SystemError) ?? message, exitCode: EXIT.failed, code };
}

function explainConnection({ message, code }: TransportError): Explained {
  const { happened, advice } = remedyFor(code);
  const host = /^The connection to (\S+) failed: /.exec(message)?.[1];
  const said =
    happened === undefined || host === undefined ? message : `The connection to ${host} failed: ${happened}.`;
  // The system's own name stays in, for those who look it up.
  const name = code === undefined || said.includes(code) ? '' : ` (${code})`;
  const shown = `${escapeControl(said)}${name} ${advice} partway doctor looks closer.`;
  return { message: shown, exitCode: EXIT.unreachable, code };
}

/** What to do about a refusal; the server's own sentence says what happened. */
const ADVICE: Record<string, [ExitCode, string]> = {
  unauthorized: [EXIT.notLetIn, 'Log in again: partway login.'],
  invalid_client: [EXIT.notLetIn, 'Check the app’s id and secret, and log in again: partway login.'],
  invalid_grant: [EXIT.notLetIn, 'Log in again: partway login.'],
  forbidden: [EXIT.notLetIn, 'It belongs to another user than this token’s.'],
  insufficient_scope: [EXIT.notLetIn, 'Use a token that may do more.'],
  access_denied_insufficient_permissions: [EXIT.notLetIn, 'Use a token that may do more.'],
  item_name_in_use: [EXIT.conflict, 'Choose --conflict version or --conflict rename, or another --name.'],
  precondition_failed: [EXIT.conflict, 'Somebody else has changed it meanwhile.'],
  upload_session_not_found: [EXIT.notThere, 'partway sessions list shows what is under way.'],
  invalid_upload_session_id: [EXIT.notThere, 'partway sessions list shows what is under way.'],
  trashed: [EXIT.notThere, 'It is in the trash.'],
  storage_limit_exceeded: [EXIT.failed, 'Delete something out of the trash, or ask the operator for more space.'],
  operation_limit_exceeded: [EXIT.failed, 'Do it in smaller steps; the server’s operator sets the limit.'],
  insufficient_storage: [EXIT.failed, 'Run the command again once the server has room: what was stored stays.'],
  file_size_limit_exceeded: [EXIT.failed, 'The server’s operator sets the limit.'],
  rate_limit_exceeded: [EXIT.failed, 'Wait a while, then run the command again.'],
};

/** An error whose body is not the API's. */
const NOT_THE_API: [ExitCode, string] = [
  EXIT.unreachable,
  'It is not this API that answers there. Check the address, and HTTP_PROXY and HTTPS_PROXY. partway doctor looks closer.',
];

function explainRefusal({ status, code, message, requestId }: ApiError): Explained {
  const [exitCode, advice] =
    ADVICE[code] ?? (/^http_4(?!13)/.test(code) ? NOT_THE_API : undefined) ?? adviceFor(status);
  const said = escapeControl(/[.!?]$/.test(message) ? message : `${message}.`);
  const id = status >= 500 && requestId !== '' ? ` In the server’s log it is ${escapeControl(requestId)}.` : '';
  return { message: `${said} (${status} ${escapeControl(code)}) ${advice}${id}`.trim(), exitCode, code };
}

function adviceFor(status: number): [ExitCode, string] {
  if (status === 401) return [EXIT.notLetIn, 'Log in again: partway login.'];
  if (status === 413) return [EXIT.failed, 'The server, or a proxy in front of it, takes no request of this size.'];
  if (status === 403) return [EXIT.notLetIn, ''];
  if (status === 404 || status === 410) return [EXIT.notThere, ''];
  if (status === 409 || status === 412) return [EXIT.conflict, ''];
  return [EXIT.failed, status >= 500 ? 'The fault is the server’s; run the command again later.' : ''];
}
