import { BoxCcgAuth, BoxClient, BoxJwtAuth, CcgConfig, JwtConfig } from 'box-node-sdk';
import type { Authentication } from 'box-node-sdk/networking';
import { addApp, addUser, type TestApp } from '../../support/accounts.ts';
import { addSigningApp } from '../signing-app.ts';
import { type BoxSuite, newName } from './box-suite.ts';

/** What the two server authentications of the SDK have in common. */
export interface ServerAuth extends Authentication {
  withUserSubject(userId: string): ServerAuth;
  withEnterpriseSubject(enterpriseId: string): ServerAuth;
  downscopeToken: BoxCcgAuth['downscopeToken'];
  revokeToken: BoxCcgAuth['revokeToken'];
}

interface Apps {
  app: Promise<TestApp>;
  jwtConfig: Promise<string>;
}

/** One app of each kind is enough for all checks. */
const apps = new WeakMap<BoxSuite, Apps>();

function getApps(suite: BoxSuite): Apps {
  const made = apps.get(suite) ?? { app: addApp(suite.server), jwtConfig: addSigningApp(suite.server) };
  apps.set(suite, made);
  return made;
}

/** Box's tests check the same for both ways in which a server gets a token. */
export const SERVER_AUTHS: Record<string, (suite: BoxSuite) => Promise<ServerAuth>> = {
  'a JWT': async (suite) => new BoxJwtAuth({ config: JwtConfig.fromConfigFile(await getApps(suite).jwtConfig) }),
  client_credentials: async (suite) => {
    const { clientId, clientSecret, enterpriseId } = await getApps(suite).app;
    return new BoxCcgAuth({ config: new CcgConfig({ clientId, clientSecret, enterpriseId }) });
  },
};

export function createClient({ network }: BoxSuite, auth: Authentication): BoxClient {
  return new BoxClient({ auth, networkSession: network });
}

/** A user of the enterprise, and a token that an app gets for them. */
export async function userToken(suite: BoxSuite): Promise<{ app: TestApp; userId: string; token: string }> {
  const app = await getApps(suite).app;
  const userId = await addUser(suite.server, `${newName()}@example.com`);
  const config = new CcgConfig({ clientId: app.clientId, clientSecret: app.clientSecret, userId });
  const { accessToken } = await new BoxCcgAuth({ config }).retrieveToken(suite.network);
  if (accessToken === undefined) throw new Error('The answer lacks the token.');
  return { app, userId, token: accessToken };
}
