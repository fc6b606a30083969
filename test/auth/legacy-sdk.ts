import { readFileSync } from 'node:fs';
import BoxSDK from 'box-node-sdk-3';
import type { TestServer } from '../support/server.ts';
import type { AddedApp } from './operator.ts';

/** The parts of the legacy SDK that the tests call. Its own types say `any` for all of them. */
export interface LegacyClient {
  users: { get(id: string): Promise<{ id: string; login: string }> };
  folders: { get(id: string): Promise<{ id: string }> };
  files: { uploadFile(folderId: string, name: string, content: Buffer): Promise<{ entries: { id: string }[] }> };
  asUser(id: string): void;
  asSelf(): void;
  exchangeToken(scopes: string | string[], resource?: string): Promise<{ accessToken: string }>;
  revokeTokens(): Promise<unknown>;
}

export interface LegacyTokens {
  accessToken: string;
  refreshToken: string;
}

export interface LegacySdk {
  getBasicClient(token: string): LegacyClient;
  getAnonymousClient(): LegacyClient;
  getCCGClientForUser(id: string): LegacyClient;
  getAppAuthClient(type: 'enterprise' | 'user', id?: string): LegacyClient;
  getPersistentClient(tokens: LegacyTokens): LegacyClient;
  getAuthorizeURL(query: Record<string, string>): string;
  getTokensAuthorizationCodeGrant(code: string): Promise<LegacyTokens>;
  getTokensRefreshGrant(token: string): Promise<LegacyTokens>;
}

/** The SDK as published, with the config file that `partway app add --jwt-config` wrote. The server has to use TLS. */
export function createLegacySdk(server: TestServer, app: AddedApp, configPath: string): LegacySdk {
  if (server.certificates === undefined) throw new Error('box-node-sdk 3 needs a server with TLS.');
  const { boxAppSettings: settings } = JSON.parse(readFileSync(configPath, 'utf8'));
  const { publicKeyID: keyID, privateKey, passphrase } = settings.appAuth;
  return new BoxSDK({
    clientID: app.client_id,
    clientSecret: app.client_secret,
    enterpriseID: app.enterprise_id,
    appAuth: { keyID, privateKey, passphrase },
    apiRootURL: server.url,
    uploadAPIRootURL: `${server.url}/api`,
    authorizeRootURL: `${server.url}/api`,
    request: { agentOptions: { keepAlive: true, ca: readFileSync(server.certificates.ca) } },
  }) as unknown as LegacySdk;
}
