import type { BoxClient } from 'box-node-sdk';
import type { TestApp } from '../../support/accounts.ts';
import type { TestServer } from '../../support/server.ts';

type Managers = Pick<BoxClient, 'chunkedUploads' | 'uploads' | 'downloads' | 'files' | 'folders' | 'users'>;

/** What the two packages of the generated TypeScript SDK have in common: the calls around an upload. */
export type GeneratedClient = {
  [Name in keyof Managers]: Omit<Managers[Name], 'auth' | 'networkSession'>;
};

/** Box publishes one generated TypeScript SDK under two names; the same flows are asked of both. */
export interface GeneratedSdk {
  readonly name: string;
  /** The SDK as it comes, with nothing changed but its base URLs; the server's developer token where none is given. */
  connect(server: TestServer, token?: string): GeneratedClient;
  /** The same with `client_credentials`: as the app's own user, or as `userId`. */
  connectAsApp(server: TestServer, app: TestApp, userId?: string): GeneratedClient;
  /** As the app's own user, with an assertion that the SDK signs by this file (`addSigningApp`). */
  connectWithJwt(server: TestServer, configFile: string): GeneratedClient;
  /** The answer that the SDK's own error stands for; undefined where `error` is not of the SDK's class for answers. */
  answerOf(error: unknown): ErrorAnswer | undefined;
  /** Whether `error` is of the SDK's class for everything that is not an answer. */
  isSdkError(error: unknown): error is Error;
}

export interface ErrorAnswer {
  statusCode: number;
  /** Box's error object, as JSON. */
  body: BoxError | undefined;
}

export interface BoxError {
  type: string;
  status: number;
  code: string;
  message: string;
  request_id: string;
  context_info?: { conflicts?: { id?: string } };
}

/** Checks that `error` is the SDK's own, made of a Box error object with this status and code, and gives that object. */
export function refusalOf(sdk: GeneratedSdk, error: unknown, status: number, code: string): BoxError {
  const answer = sdk.answerOf(error);
  if (answer === undefined) throw error;
  const { statusCode, body } = answer;
  if (statusCode !== status || body?.code !== code) {
    throw new Error(`wanted ${status} ${code}, got ${statusCode} ${JSON.stringify(body)}`);
  }
  if (body.type !== 'error' || body.status !== status || typeof body.request_id !== 'string') {
    throw new Error(`not a Box error object: ${JSON.stringify(body)}`);
  }
  return body;
}

/** For `assert.rejects`. */
export function isRefusal(sdk: GeneratedSdk, status: number, code: string): (error: unknown) => boolean {
  return (error) => {
    refusalOf(sdk, error, status, code);
    return true;
  };
}
