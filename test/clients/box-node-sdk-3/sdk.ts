import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import BoxSDK from 'box-node-sdk-3';
import type { TestApp } from '../../support/accounts.ts';
import type { TestServer } from '../../support/server.ts';

/** The parts of the legacy SDK that the tests call. Its own types are `any` for all of them. */
export interface LegacyFiles {
  createUploadSession(folderId: string, size: number, name: string): Promise<Session>;
  createNewVersionUploadSession(fileId: string, size: number): Promise<Session>;
  uploadPart(sessionId: string, part: Buffer, offset: number, totalSize: number): Promise<{ part: Part }>;
  uploadPart(
    sessionId: string,
    part: Buffer,
    offset: number,
    totalSize: number,
    callback: (error: LegacyError | null, answer: { part: Part }) => void,
  ): void;
  getUploadSession(sessionId: string): Promise<Session>;
  getUploadSessionParts(sessionId: string, options?: { offset?: number; limit?: number }): Promise<PartsPage>;
  commitUploadSession(
    sessionId: string,
    wholeSha1Base64: string,
    options?: { parts?: Part[] } & Record<string, unknown>,
  ): Promise<Committed>;
  abortUploadSession(sessionId: string): Promise<void>;
  getChunkedUploader(
    folderId: string,
    size: number,
    name: string,
    content: Buffer | Readable,
    options?: { parallelism?: number; fileAttributes?: Record<string, unknown> },
  ): Promise<Uploader>;
  getNewVersionChunkedUploader(
    fileId: string,
    size: number,
    content: Buffer | Readable,
    options?: { parallelism?: number; fileAttributes?: Record<string, unknown> },
  ): Promise<Uploader>;
  getReadStream(fileId: string): Promise<Readable>;
  get(fileId: string): Promise<LegacyFile>;
  uploadFile(folderId: string, name: string, content: Buffer | Readable): Promise<Committed>;
  uploadNewFileVersion(fileId: string, content: Buffer | Readable): Promise<Committed>;
}

export interface LegacyClient {
  files: LegacyFiles;
  users: { get(id: string, query?: { fields: string }): Promise<{ id: string; enterprise?: { id: string } }> };
}

export interface Session {
  id: string;
  type: string;
  part_size: number;
  total_parts: number;
  num_parts_processed: number;
}

export interface Part {
  part_id: string;
  offset: number;
  size: number;
  sha1: string;
}

export interface PartsPage {
  entries: Part[];
  total_count: number;
  offset: number;
  limit: number;
}

export interface Committed {
  total_count: number;
  entries: [LegacyFile];
}

export interface LegacyFile {
  id: string;
  name: string;
  size: number;
  sha1: string;
  etag: string;
  description: string;
  content_modified_at: string;
}

export interface Uploader {
  on(event: 'chunkUploaded', listener: (answer: { part: Part }) => void): void;
  on(event: 'chunkError', listener: (error: LegacyError) => void): void;
  start(): Promise<Committed>;
  abort(): Promise<void>;
}

export interface LegacyError extends Error {
  statusCode: number;
  response: { body: { code?: string } | Buffer };
}

/** What the SDK has to know about a server, or about a load balancer in front of several. */
export type SecureServer = Pick<TestServer, 'url' | 'token' | 'certificates'>;

/** The files of `legacyBasicClient`. */
export function legacyFilesOf(server: SecureServer): LegacyFiles {
  return legacyBasicClient(server).files as LegacyFiles;
}

/** The unmodified SDK with the developer token; it rejects plain http for uploads, so the server has to use TLS. */
export function legacyBasicClient(server: SecureServer) {
  const app = { clientId: 'partway-tests', clientSecret: 'unused with a developer token', enterpriseId: '0' };
  return legacySdk(server, app).getBasicClient(server.token);
}

/**
 * The SDK as Box's CLI configures it: with iterators, and an upload URL by which it recognizes its own direct
 * uploads.
 */
export function legacyIteratingClient(server: SecureServer) {
  const app = { clientID: 'partway-tests', clientSecret: 'unused with a developer token' };
  const uploadAPIRootURL = `${server.url}/upload.box.com/api`;
  const sdk = new BoxSDK({ ...app, ...addressesOf(server), uploadAPIRootURL, iterators: true });
  return sdk.getBasicClient(server.token) as unknown as LegacyClient;
}

/** The SDK with `client_credentials`: as the app's own user, or as `userId`. */
export function legacyAppClient(server: TestServer, app: TestApp, userId?: string): LegacyClient {
  const sdk = legacySdk(server, app);
  const client = userId === undefined ? sdk.getAnonymousClient() : sdk.getCCGClientForUser(userId);
  return client as unknown as LegacyClient;
}

/** The SDK with an assertion that it signs with the key in this file (`addSigningApp`): as the app's own user. */
export function legacySigningClient(server: TestServer, configFile: string): LegacyClient {
  const sdk = BoxSDK.getPreconfiguredInstance(JSON.parse(readFileSync(configFile, 'utf8')));
  sdk.configure(addressesOf(server));
  return sdk.getAppAuthClient('enterprise') as unknown as LegacyClient;
}

function legacySdk(server: SecureServer, { clientId, clientSecret, enterpriseId }: TestApp): BoxSDK {
  return new BoxSDK({ clientID: clientId, clientSecret, enterpriseID: enterpriseId, ...addressesOf(server) });
}

function addressesOf({ url, certificates }: Omit<SecureServer, 'token'>) {
  if (certificates === undefined) throw new Error('box-node-sdk 3 needs a server with TLS.');
  return {
    apiRootURL: url,
    uploadAPIRootURL: `${url}/api`,
    request: { agentOptions: { keepAlive: true, ca: readFileSync(certificates.ca) } },
  };
}

/** Whether `error` is the SDK's own with this status and code. */
export function isLegacyError(status: number, code: string): (error: unknown) => boolean {
  return (error) => {
    const { statusCode, response } = error as LegacyError;
    if (statusCode === undefined) throw error;
    const { body } = response;
    const found = Buffer.isBuffer(body) ? (JSON.parse(body.toString()) as { code?: string }).code : body.code;
    if (statusCode !== status || found !== code)
      throw new Error(`expected ${status} ${code}, got ${statusCode} ${found}`);
    return true;
  };
}
