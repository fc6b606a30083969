import type { BoxClient } from 'box-node-sdk';
import type { TestApp } from '../../support/accounts.ts';
import type { TestServer } from '../../support/server.ts';

type Managers = Pick<BoxClient, 'chunkedUploads' | 'uploads' | 'downloads' | 'files' | 'folders' | 'users'>;

/** What the two packages of the generated TypeScript SDK have in common: the calls for uploads. */
export type GeneratedClient = {
  [Name in keyof Managers]: Omit<Managers[Name], 'auth' | 'networkSession'>;
};

/** Box publishes one generated TypeScript SDK under two names; both run the same tests. */
export interface GeneratedSdk {
  readonly name: string;
  /** The unmodified SDK with other base URLs; by default with the server's developer token. */
  connect(server: TestServer, token?: string): GeneratedClient;
  /** The same with `client_credentials`: as the app's own user, or as `userId`. */
  connectAsApp(server: TestServer, app: TestApp, userId?: string): GeneratedClient;
  /** As the app's own user, with an assertion that the SDK signs with the key in this file (`addSigningApp`). */
  connectWithJwt(server: TestServer, configFile: string): GeneratedClient;
  /** The response in the SDK's own error; undefined if `error` is not of the SDK's class for responses. */
  getResponse(error: unknown): ErrorResponse | undefined;
  /** Whether `error` is of the SDK's class for all other errors. */
  isSdkError(error: unknown): error is Error;
}

export interface ErrorResponse {
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

/** Checks that `error` is the SDK's own, with a Box error object with this status and code, and returns that object. */
export function getBoxError(sdk: GeneratedSdk, error: unknown, status: number, code: string): BoxError {
  const answer = sdk.getResponse(error);
  if (answer === undefined) throw error;
  const { statusCode, body } = answer;
  if (statusCode !== status || body?.code !== code) {
    throw new Error(`expected ${status} ${code}, got ${statusCode} ${JSON.stringify(body)}`);
  }
  if (body.type !== 'error' || body.status !== status || typeof body.request_id !== 'string') {
    throw new Error(`not a Box error object: ${JSON.stringify(body)}`);
  }
  return body;
}

/** For `assert.rejects`. */
export function hasCode(sdk: GeneratedSdk, status: number, code: string): (error: unknown) => boolean {
  return (error) => {
    getBoxError(sdk, error, status, code);
    return true;
  };
}
